// Pictures in and out: decode to 8-bit, encode to JPEG or PNG, read and write files safely.
//
// Decoded pictures are cv::Mat, 8 bits a channel, BGR or grey. 16-bit input is scaled by 255/65535
// and rounded, float input by 255 with clamping; alpha is dropped; EXIF orientation is applied.
// Errors: InputError (file, cause, remedy) for missing, empty, cut off, damaged or foreign data.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace diptych {

enum class ImageMode { kBgr, kGrey };

// `name` is used in errors only. Damage is an error even where a decoder would guess: JPEG without
// an end or with codes that do not exist, PNG with a wrong checksum. JPEG has no checksum: damage
// that happens to make valid codes shows only in the pixels.
cv::Mat decode_image(std::span<const uint8_t> bytes,
                     const std::string& name,
                     ImageMode mode = ImageMode::kBgr);
cv::Mat read_image(const std::filesystem::path& file, ImageMode mode = ImageMode::kBgr);

struct JpegOptions {
  int quality = 95;         // 1..100
  bool full_chroma = true;  // 4:4:4: colour at full resolution, about a quarter more bytes
};

// picture: 8-bit, 1 or 3 channels (PNG also 4 channels and 16-bit). compression: 0..9.
std::vector<uint8_t> encode_jpeg(const cv::Mat& picture, const JpegOptions& options = {});
std::vector<uint8_t> encode_png(const cv::Mat& picture, int compression = 3);

// By extension .jpg, .jpeg or .png; atomic (file_io.h).
void write_image(const std::filesystem::path& file,
                 const cv::Mat& picture,
                 const JpegOptions& options = {});

// True for the extensions that read_image knows: jpg jpeg png bmp webp tif tiff, in any case.
bool is_image_name(const std::filesystem::path& file);

// RGB picture, row major, 3 bytes a pixel.
struct Rgb8Image {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  // (height, width, 3)
};

// JPEG or PNG through stb_image: one portable decoder whose bits do not depend on the machine's
// libjpeg, for training runs that must repeat exactly. EXIF is ignored (faces carry none). It takes
// up to twice the time of decode_image, once per face and run; use that one for frames.
Rgb8Image decode_rgb8_stb(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace diptych
