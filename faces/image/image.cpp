// Pictures through libjpeg and OpenCV's codecs, behind checks that know whole files from broken
// ones.
// SPDX-License-Identifier: MIT
#include "faces/image/image.h"

#include <algorithm>
#include <array>

#include <opencv2/imgcodecs.hpp>

#include "faces/image/containers.h"
#include "faces/image/file_io.h"
#include "faces/image/jpeg_codec.h"

namespace diptych {

namespace {

const char* const kReplace = "Replace the file with a good copy";

std::string lower_extension(const std::filesystem::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

void check_structure(std::span<const uint8_t> bytes, const std::string& name) {
  if (bytes.empty()) throw InputError(name, "is empty", kReplace);
  const ImageFormat format = image_format(bytes);
  const std::string fault = format == ImageFormat::kJpeg  ? parse_jpeg(bytes).fault
                            : format == ImageFormat::kPng ? parse_png(bytes).fault
                                                          : std::string();
  if (!fault.empty()) throw InputError(name, fault, kReplace);
}

cv::Mat to_8bit(const cv::Mat& picture, const std::string& name) {
  cv::Mat out;
  switch (picture.depth()) {
    case CV_8U:
      return picture;
    case CV_16U:
      picture.convertTo(out, CV_8U, 255.0 / 65535.0);
      return out;
    case CV_32F:
      picture.convertTo(out, CV_8U, 255.0);
      return out;
    default:
      throw InputError(name, "holds samples of an unusual type", "Convert it to 8 or 16 bits");
  }
}

// EXIF orientation 1..8: how to turn the stored picture upright.
cv::Mat apply_orientation(const cv::Mat& stored, int orientation) {
  cv::Mat upright = stored;
  if (orientation >= 5 && orientation <= 8) cv::transpose(stored, upright);
  const bool left_right =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool up_down = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  if (left_right || up_down) {
    cv::flip(upright, upright, left_right && up_down ? -1 : left_right ? 1 : 0);
  }
  return upright;
}

void check_picture(const char* op, const cv::Mat& picture, bool more_kinds) {
  const int channels = picture.channels();
  const bool depth = picture.depth() == CV_8U || (more_kinds && picture.depth() == CV_16U);
  const bool layout = channels == 1 || channels == 3 || (more_kinds && channels == 4);
  DIPTYCH_CHECK(!picture.empty() && depth && layout, op, ": cannot encode a picture of ",
                picture.cols, "x", picture.rows, ", ", channels, " channels, depth code ",
                picture.depth());
}

}  // namespace

cv::Mat decode_image(std::span<const uint8_t> bytes, const std::string& name, ImageMode mode) {
  check_structure(bytes, name);
  if (image_format(bytes) == ImageFormat::kJpeg) {
    if (const auto picture = decompress_jpeg(bytes, name, mode == ImageMode::kGrey)) {
      return apply_orientation(*picture, exif_orientation(bytes));
    }
  }
  const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8U,
                       const_cast<uint8_t*>(bytes.data()));  // imdecode only reads it
  const int flags =
      (mode == ImageMode::kBgr ? cv::IMREAD_COLOR : cv::IMREAD_GRAYSCALE) | cv::IMREAD_ANYDEPTH;
  cv::Mat picture;
  try {
    picture = cv::imdecode(buffer, flags);
  } catch (const cv::Exception& e) {
    throw InputError(name, "cannot be decoded (" + e.err + ")", kReplace);
  }
  if (picture.empty()) {
    const bool known = image_format(bytes) != ImageFormat::kOther;
    throw InputError(name, known ? "is damaged: it cannot be decoded" : "is not a picture",
                     known ? kReplace : "Give a JPEG or PNG file");
  }
  return to_8bit(picture, name);
}

cv::Mat read_image(const std::filesystem::path& file, ImageMode mode) {
  return decode_image(read_file(file), file.string(), mode);
}

std::vector<uint8_t> encode_jpeg(const cv::Mat& picture, const JpegOptions& options) {
  check_picture("encode_jpeg", picture, false);
  DIPTYCH_CHECK(options.quality >= 1 && options.quality <= 100, "encode_jpeg: quality ",
                options.quality, " is not in 1..100");
  return compress_jpeg(picture, options.quality, options.full_chroma);
}

std::vector<uint8_t> encode_png(const cv::Mat& picture, int compression) {
  check_picture("encode_png", picture, true);
  std::vector<uint8_t> bytes;
  const bool done =
      cv::imencode(".png", picture, bytes, {cv::IMWRITE_PNG_COMPRESSION, compression});
  DIPTYCH_CHECK(done, "encode_png: the encoder refused ", picture.cols, "x", picture.rows);
  return bytes;
}

void write_image(const std::filesystem::path& file,
                 const cv::Mat& picture,
                 const JpegOptions& options) {
  const std::string extension = lower_extension(file);
  if (extension == ".png") {
    write_file_atomic(file, encode_png(picture));
  } else if (extension == ".jpg" || extension == ".jpeg") {
    write_file_atomic(file, encode_jpeg(picture, options));
  } else {
    throw InputError(file.string(), "has no extension of a picture that can be written",
                     "Use .jpg or .png");
  }
}

bool is_image_name(const std::filesystem::path& file) {
  static constexpr std::array kKnown = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"};
  const std::string extension = lower_extension(file);
  return std::any_of(kKnown.begin(), kKnown.end(),
                     [&](const char* known) { return extension == known; });
}

}  // namespace diptych
