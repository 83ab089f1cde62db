// Tests of picture files: structure, decoding, encoding, atomic writing.
// SPDX-License-Identifier: MIT
#include "faces/image/image.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/image/containers.h"
#include "faces/image/file_io.h"
#include "faces/image/test_folder.h"
#include "kernels/common/rng.h"

namespace diptych {
namespace {

// A smooth coloured picture with a little noise.
cv::Mat make_picture(int width, int height) {
  cv::Mat picture(height, width, CV_8UC3);
  Rng rng(7, 0, 0);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int noise = static_cast<int>(rng.below(8));
      picture.at<cv::Vec3b>(y, x) = cv::Vec3b(static_cast<uint8_t>(x * 200 / width + noise),
                                              static_cast<uint8_t>(y * 200 / height + noise),
                                              static_cast<uint8_t>(120 + noise));
    }
  }
  return picture;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& e) {
    return e.what();
  }
  return "no InputError";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// An APP1 segment with a one-entry EXIF block that holds the orientation.
std::vector<uint8_t> with_orientation(const std::vector<uint8_t>& jpeg, uint8_t orientation) {
  const std::vector<uint8_t> exif = {
      0xFF, 0xE1, 0, 34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M',         0, 42, 0, 0, 0, 8,
      0,    1,    1, 0x12, 0,   3,   0,   0,   0, 1, 0,   orientation, 0, 0,  0, 0, 0, 0};
  std::vector<uint8_t> out = jpeg;
  out.insert(out.begin() + 2, exif.begin(), exif.end());
  return out;
}

TEST(Image, PngRoundTripKeepsEveryBit) {
  const cv::Mat picture = make_picture(37, 23);
  EXPECT_EQ(cv::norm(decode_image(encode_png(picture), "p"), picture, cv::NORM_INF), 0);
}

TEST(Image, JpegRoundTripStaysClose) {
  const cv::Mat picture = make_picture(64, 48);
  const cv::Mat back = decode_image(encode_jpeg(picture), "p");
  EXPECT_LT(cv::norm(back, picture, cv::NORM_L1) / static_cast<double>(picture.total() * 3), 2.0);
}

TEST(Image, FullChromaSamplesColourOncePerPixel) {
  for (const bool full : {true, false}) {
    const auto jpeg = encode_jpeg(make_picture(32, 32), {.quality = 90, .full_chroma = full});
    for (const JpegSegment& segment : parse_jpeg(jpeg).segments) {
      if (segment.marker == 0xC0) {
        EXPECT_EQ(segment.payload(jpeg)[7], full ? 0x11 : 0x22);
      }
    }
  }
}

TEST(Image, SixteenBitIsScaledAndRounded) {
  cv::Mat deep(1, 4, CV_16UC1);
  const int values[] = {0, 0x7FFF, 0x00FF, 0xFFFF};  // 0, 127.498, 0.992, 255
  for (int i = 0; i < 4; ++i) deep.at<uint16_t>(0, i) = static_cast<uint16_t>(values[i]);
  const cv::Mat grey = decode_image(encode_png(deep), "p", ImageMode::kGrey);
  EXPECT_EQ(grey.at<uint8_t>(0, 1), 127);
  EXPECT_EQ(grey.at<uint8_t>(0, 2), 1);
  EXPECT_EQ(grey.at<uint8_t>(0, 3), 255);
}

TEST(Image, GreyFileReadsAsThreeEqualChannels) {
  cv::Mat grey(5, 6, CV_8UC1, cv::Scalar(77));
  const cv::Mat bgr = decode_image(encode_png(grey), "p");
  ASSERT_EQ(bgr.type(), CV_8UC3);
  EXPECT_EQ(bgr.at<cv::Vec3b>(2, 3), cv::Vec3b(77, 77, 77));
}

TEST(Image, ExifOrientationIsApplied) {
  const auto turned = with_orientation(encode_jpeg(make_picture(40, 20)), 6);
  ASSERT_EQ(parse_jpeg(turned).fault, "");
  const cv::Mat picture = decode_image(turned, "p");
  EXPECT_EQ(picture.size(), cv::Size(20, 40));
  cv::Mat expected;
  cv::rotate(decode_image(encode_jpeg(make_picture(40, 20)), "p"), expected,
             cv::ROTATE_90_CLOCKWISE);
  EXPECT_EQ(cv::norm(picture, expected, cv::NORM_INF), 0);
}

TEST(Image, EveryExifOrientationIsUndoneAsOpenCvDoes) {
  for (uint8_t orientation = 0; orientation <= 9; ++orientation) {
    const auto turned = with_orientation(encode_jpeg(make_picture(40, 24)), orientation);
    const cv::Mat expected = cv::imdecode(turned, cv::IMREAD_COLOR);
    EXPECT_EQ(cv::norm(decode_image(turned, "p"), expected, cv::NORM_INF), 0) << int{orientation};
  }
}

TEST(Image, JpegPixelsAreThoseOfOpenCv) {
  for (const bool full : {true, false}) {
    const auto jpeg = encode_jpeg(make_picture(61, 47), {.full_chroma = full});
    EXPECT_EQ(cv::norm(decode_image(jpeg, "p"), cv::imdecode(jpeg, cv::IMREAD_COLOR), cv::NORM_INF),
              0);
    EXPECT_EQ(cv::norm(decode_image(jpeg, "p", ImageMode::kGrey),
                       cv::imdecode(jpeg, cv::IMREAD_GRAYSCALE), cv::NORM_INF),
              0);
  }
}

TEST(Image, BrokenJpegCodesAreAnError) {
  auto jpeg = encode_jpeg(make_picture(64, 64));
  const JpegLayout layout = parse_jpeg(jpeg);
  const JpegSegment& scan = layout.segments[layout.segments.size() - 2];
  // The middle of the coded data goes missing, the end marker stays.
  const auto middle = jpeg.begin() + static_cast<ptrdiff_t>(scan.offset + scan.size + 200);
  jpeg.erase(middle, jpeg.end() - 2);
  ASSERT_EQ(parse_jpeg(jpeg).fault, "");
  EXPECT_HAS(error_of([&] { decode_image(jpeg, "broken.jpg"); }), "broken.jpg: is damaged");
}

TEST(Image, EveryTruncationIsAnError) {
  for (const auto& whole : {encode_jpeg(make_picture(16, 16)), encode_png(make_picture(16, 16))}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::span<const uint8_t> cut(whole.data(), size);
      EXPECT_THROW(decode_image(cut, "cut"), InputError) << size;
    }
  }
}

TEST(Image, EveryFlippedByteOfAPngIsAnError) {
  auto png = encode_png(make_picture(12, 9));
  for (uint8_t& byte : png) {
    byte ^= 0x10;
    EXPECT_THROW(decode_image(png, "flipped"), InputError) << (&byte - png.data());
    byte ^= 0x10;
  }
}

TEST(Image, DamagedJpegNeverCrashes) {
  const auto jpeg = encode_jpeg(make_picture(24, 24));
  for (uint32_t round = 0; round < 300; ++round) {
    auto damaged = jpeg;
    Rng rng(11, round, 0);
    for (int i = 0; i < 3; ++i) {
      damaged[rng.below(static_cast<uint32_t>(damaged.size()))] =
          static_cast<uint8_t>(rng.below(256));
    }
    for (const bool stb : {true, false}) {
      try {
        stb ? static_cast<void>(decode_rgb8_stb(damaged, "d"))
            : static_cast<void>(decode_image(damaged, "d"));
      } catch (const InputError&) {  // or it decodes to something: JPEG data has no checksum
      }
    }
  }
}

TEST(Image, ErrorsNameTheFileAndTheCause) {
  const TestFolder folder;
  EXPECT_HAS(error_of([&] { read_image(folder / "none.png"); }), "none.png: cannot be opened");
  EXPECT_HAS(error_of([&] { read_image(folder.path()); }), "is a folder");
  write_file_atomic(folder / "empty.jpg", {});
  EXPECT_HAS(error_of([&] { read_image(folder / "empty.jpg"); }), "is empty");
  write_file_atomic(folder / "text.png", std::vector<uint8_t>(100, 'a'));
  EXPECT_HAS(error_of([&] { read_image(folder / "text.png"); }), "is not a picture");
}

TEST(Image, StbAgreesWithOpenCvOnPng) {
  const cv::Mat picture = make_picture(19, 13);
  const Rgb8Image rgb = decode_rgb8_stb(encode_png(picture), "p");
  cv::Mat expected;
  cv::cvtColor(picture, expected, cv::COLOR_BGR2RGB);
  ASSERT_EQ(rgb.width, 19);
  ASSERT_EQ(rgb.pixels.size(), expected.total() * 3);
  EXPECT_TRUE(std::equal(rgb.pixels.begin(), rgb.pixels.end(), expected.data));
}

TEST(Image, StbReadsAFacesetJpeg) {
  const auto file = test_data() / "dfl/aligned_wf_512/clm_00001_0.jpg";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "test material is not here: " << file;
  const Rgb8Image rgb = decode_rgb8_stb(read_file(file), "p");
  cv::Mat theirs = read_image(file), ours(rgb.height, rgb.width, CV_8UC3);
  std::copy(rgb.pixels.begin(), rgb.pixels.end(), ours.data);
  cv::cvtColor(ours, ours, cv::COLOR_RGB2BGR);
  // Two decoders round differently and one smooths the chroma: the mean stays within a level.
  EXPECT_LT(cv::norm(ours, theirs, cv::NORM_L1) / static_cast<double>(theirs.total() * 3), 1.0);
}

TEST(Image, WritingReplacesAndLeavesNothingBeside) {
  const TestFolder folder;
  write_image(folder / "a.png", make_picture(8, 8));
  write_image(folder / "a.png", make_picture(9, 7));
  EXPECT_EQ(read_image(folder / "a.png").size(), cv::Size(9, 7));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(Image, RefusedWriteLeavesTheOldFile) {
  const TestFolder folder;
  write_image(folder / "a.png", make_picture(8, 8));
  EXPECT_THROW(write_image(folder / "a.png", cv::Mat()), Error);
  EXPECT_HAS(error_of([&] { write_image(folder / "a.gif", make_picture(8, 8)); }), "Use .jpg");
  EXPECT_EQ(read_image(folder / "a.png").size(), cv::Size(8, 8));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(PendingFile, IsRemovedWhenNotPublished) {
  const TestFolder folder;
  {
    const PendingFile pending(folder / "x.mp4");
    EXPECT_EQ(pending.path().extension(), ".mp4");
    EXPECT_EQ(folder.entries(), 1);
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(PendingFile, KeepsTheModeAndTheLink) {
  const TestFolder folder;
  write_file_atomic(folder / "real.bin", std::vector<uint8_t>{1});
  std::filesystem::permissions(folder / "real.bin", std::filesystem::perms::owner_read |
                                                        std::filesystem::perms::owner_write);
  std::filesystem::create_symlink(folder / "real.bin", folder / "link.bin");
  write_file_atomic(folder / "link.bin", std::vector<uint8_t>{2});
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.bin"));
  EXPECT_EQ(read_file(folder / "real.bin"), std::vector<uint8_t>{2});
  EXPECT_EQ(std::filesystem::status(folder / "real.bin").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(PendingFile, MissingFolderIsAnInputError) {
  const TestFolder folder;
  EXPECT_HAS(error_of([&] { PendingFile pending(folder / "no/x.mp4"); }), "Check the path");
}

}  // namespace
}  // namespace diptych
