// Tests of writing: what comes out is what went in, when it went in, or nothing at all.
// SPDX-License-Identifier: MIT
#include "faces/video/video_writer.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "faces/image/file_io.h"
#include "faces/image/test_folder.h"
#include "faces/video/test_clip.h"

namespace diptych {
namespace {

const VideoWriterOptions kQuick = {.preset = "ultrafast", .threads = 1};

struct LosslessCase {
  const char* name;
  const char* file;
  VideoCodec codec;
  int width, height;
};

class Lossless : public testing::TestWithParam<LosslessCase> {};

TEST_P(Lossless, EveryBitComesBack) {
  const TestFolder folder;
  const auto& c = GetParam();
  VideoWriterOptions options = {.codec = c.codec, .preset = "ultrafast", .threads = 1};
  VideoWriter writer(folder / c.file, c.width, c.height, {25, 1}, {1, 25}, options);
  for (uint32_t i = 0; i < 4; ++i) writer.write(noise_picture(i, c.width, c.height), i);
  writer.finish();
  VideoReader reader(folder / c.file);
  const auto frames = read_all(reader);
  ASSERT_EQ(frames.size(), 4u);
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(cv::norm(frames[i].bgr, noise_picture(i, c.width, c.height), cv::NORM_INF), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs,
    Lossless,
    testing::Values(LosslessCase{"h264_mp4", "a.mp4", VideoCodec::kH264Rgb, 64, 48},
                    LosslessCase{"h264_mov", "a.mov", VideoCodec::kH264Rgb, 64, 48},
                    LosslessCase{"h264_mkv", "a.mkv", VideoCodec::kH264Rgb, 64, 48},
                    LosslessCase{"h264_odd", "a.mp4", VideoCodec::kH264Rgb, 37, 29},
                    LosslessCase{"ffv1_mkv", "a.mkv", VideoCodec::kFfv1, 64, 48},
                    LosslessCase{"ffv1_odd", "a.mkv", VideoCodec::kFfv1, 37, 29}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(VideoWriter, GreyMasksComeBackExactly) {
  const TestFolder folder;
  for (const VideoCodec codec : {VideoCodec::kH264, VideoCodec::kH264Rgb, VideoCodec::kFfv1}) {
    VideoWriterOptions options = {
        .codec = codec, .grey = true, .crf = 0, .preset = "ultrafast", .threads = 1};
    VideoWriter writer(folder / "mask.mkv", 62, 46, {25, 1}, {1, 25}, options);
    const cv::Mat mask = noise_picture(1, 62, 46, CV_8UC1);
    writer.write(mask, 0);
    writer.finish();
    VideoReader reader(folder / "mask.mkv");
    Frame frame;
    ASSERT_TRUE(reader.read(frame));
    cv::Mat expected;
    cv::cvtColor(mask, expected, cv::COLOR_GRAY2BGR);
    EXPECT_EQ(cv::norm(frame.bgr, expected, cv::NORM_INF), 0) << static_cast<int>(codec);
  }
}

TEST(VideoWriter, DefaultIsTaggedBt709LimitedRange) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 2});
  const VideoReader reader(folder / "a.mp4");
  EXPECT_EQ(reader.info().codec, "h264");
  EXPECT_EQ(reader.info().pixel_format, "yuv420p");
  EXPECT_TRUE(reader.info().colour_tagged);
  EXPECT_EQ(reader.info().colour_matrix, "bt709");
  EXPECT_EQ(reader.info().colour_range, "tv");
  EXPECT_EQ(reader.info().primaries, 1);
}

TEST(VideoWriter, ColoursSurviveTheYuvRoundTrip) {
  const TestFolder folder;
  const cv::Scalar colours[] = {{0, 0, 255},     {0, 255, 0},     {255, 0, 0},
                                {255, 255, 255}, {120, 150, 210}, {40, 40, 40}};
  VideoWriter writer(folder / "a.mp4", 64, 64, {25, 1}, {1, 25}, kQuick);
  for (int i = 0; i < 6; ++i) writer.write(cv::Mat(64, 64, CV_8UC3, colours[i]), i);
  writer.finish();
  VideoReader reader(folder / "a.mp4");
  const auto frames = read_all(reader);
  ASSERT_EQ(frames.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    const cv::Mat expected(64, 64, CV_8UC3, colours[i]);
    EXPECT_LE(cv::norm(frames[i].bgr, expected, cv::NORM_INF), 4) << i;
  }
}

TEST(VideoWriter, OddSizesArePaddedByRepeatingTheEdge) {
  const TestFolder folder;
  VideoWriterOptions options = kQuick;
  options.crf = 4;
  VideoWriter writer(folder / "a.mp4", 33, 47, {25, 1}, {1, 25}, options);
  cv::Mat picture(47, 33, CV_8UC3, cv::Scalar(30, 60, 90));
  writer.write(picture, 0);
  writer.finish();
  VideoReader reader(folder / "a.mp4");
  Frame frame;
  ASSERT_TRUE(reader.read(frame));
  ASSERT_EQ(frame.bgr.size(), cv::Size(34, 48));
  const cv::Mat expected(48, 34, CV_8UC3, cv::Scalar(30, 60, 90));
  EXPECT_LE(cv::norm(frame.bgr, expected, cv::NORM_INF), 4);
}

TEST(VideoWriter, UnevenTimeStampsAreKeptExactlyInMp4) {
  const TestFolder folder;
  Clip clip{.frames = 30, .time_base = {1, 90000}};
  clip.options.preset = "medium";  // with B-frames
  clip.pts = [](int i) { return int64_t{3003} * i + (i % 3) * 517 + (i > 12 ? 40001 : 0); };
  write_clip(folder / "a.mp4", clip);
  VideoReader reader(folder / "a.mp4");
  const auto frames = read_all(reader);
  ASSERT_EQ(frames.size(), 30u);
  ASSERT_EQ(reader.info().time_base.den, 90000);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(frames[static_cast<size_t>(i)].pts, clip.pts(i));
    EXPECT_EQ(number_of(frames[static_cast<size_t>(i)].bgr), i);
  }
}

TEST(VideoWriter, UnevenTimeStampsAreKeptToTheMillisecondInMkv) {
  const TestFolder folder;
  Clip clip{.frames = 30, .time_base = {1, 90000}};
  clip.options.preset = "medium";
  clip.pts = [](int i) { return int64_t{3003} * i + (i % 3) * 517; };
  write_clip(folder / "a.mkv", clip);
  VideoReader reader(folder / "a.mkv");
  const auto frames = read_all(reader);
  ASSERT_EQ(frames.size(), 30u);
  for (int i = 0; i < 30; ++i) {
    const double expected = static_cast<double>(clip.pts(i)) / 90000;
    EXPECT_NEAR(frames[static_cast<size_t>(i)].seconds, expected, 0.00051);
  }
}

TEST(VideoWriter, TheLastFrameKeepsItsDuration) {
  const TestFolder folder;
  Clip clip{.frames = 10};
  clip.pts = [](int i) { return int64_t{512} * i + (i == 10 ? 2048 : 0); };
  write_clip(folder / "a.mp4", clip);
  const VideoReader reader(folder / "a.mp4");
  EXPECT_NEAR(reader.info().duration, (10 * 512 + 2048) / 12800.0, 1e-9);
}

TEST(VideoWriter, PixelAspectIsKept) {
  const TestFolder folder;
  Clip clip{.frames = 2};
  clip.options.sample_aspect = {16, 15};
  write_clip(folder / "a.mp4", clip);
  const VideoReader reader(folder / "a.mp4");
  EXPECT_EQ(reader.info().sample_aspect.num, 16);
  EXPECT_EQ(reader.info().sample_aspect.den, 15);
}

TEST(VideoWriter, IndexComesBeforeTheData) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 5});
  const auto bytes = read_file(folder / "a.mp4");
  EXPECT_LT(find_box(bytes, "moov"), find_box(bytes, "mdat"));
}

TEST(VideoWriter, GivingUpLeavesTheOldFileAndNothingElse) {
  const TestFolder folder;
  write_file_atomic(folder / "a.mp4", std::vector<uint8_t>{1, 2, 3});
  {
    VideoWriter writer(folder / "a.mp4", 64, 64, {25, 1}, {1, 25}, kQuick);
    writer.write(noise_picture(0, 64, 64), 0);
    EXPECT_EQ(folder.entries(), 2);
    writer.abort();
    EXPECT_EQ(folder.entries(), 1);
    EXPECT_THROW(writer.write(noise_picture(0, 64, 64), 1), Error);
    VideoWriter forgotten(folder / "a.mp4", 64, 64, {25, 1}, {1, 25}, kQuick);
  }
  EXPECT_EQ(folder.entries(), 1);
  EXPECT_EQ(read_file(folder / "a.mp4"), (std::vector<uint8_t>{1, 2, 3}));
}

TEST(VideoWriter, AFailingLabelLeavesTheOldFile) {
  const TestFolder folder;
  write_file_atomic(folder / "a.mp4", std::vector<uint8_t>{1, 2, 3});
  VideoWriterOptions options = kQuick;
  options.before_publish = [](const std::filesystem::path& file) {
    EXPECT_TRUE(std::filesystem::exists(file));
    throw Error("no label");
  };
  {
    VideoWriter writer(folder / "a.mp4", 64, 64, {25, 1}, {1, 25}, options);
    writer.write(noise_picture(0, 64, 64), 0);
    EXPECT_THROW(writer.finish(), Error);
  }
  EXPECT_EQ(read_file(folder / "a.mp4"), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(VideoWriter, RefusesWhatCannotBeRight) {
  const TestFolder folder;
  VideoWriter writer(folder / "a.mp4", 64, 64, {25, 1}, {1, 25}, kQuick);
  EXPECT_THROW(writer.finish(), Error);                            // no frames
  EXPECT_THROW(writer.write(noise_picture(0, 32, 64), 0), Error);  // size
  EXPECT_THROW(writer.write(cv::Mat(64, 64, CV_8UC1), 0), Error);  // channels
  writer.write(noise_picture(0, 64, 64), 5);
  EXPECT_THROW(writer.write(noise_picture(0, 64, 64), 5), Error);  // time stands still
  EXPECT_THROW(writer.copy_audio_from(folder / "b.mp4"), Error);   // too late
}

TEST(VideoWriter, BadTargetsAreInputErrors) {
  const TestFolder folder;
  const auto open = [&](const std::filesystem::path& file, VideoCodec codec) {
    return input_error_of([&] {
      VideoWriter writer(file, 64, 64, {25, 1}, {1, 25}, {.codec = codec});
    });
  };
  EXPECT_HAS(open(folder / "a.xyz", VideoCodec::kH264), "Use .mp4");
  EXPECT_HAS(open(folder / "none/a.mp4", VideoCodec::kH264), "Check the path");
  EXPECT_HAS(open("/proc/diptych.mp4", VideoCodec::kH264), "cannot be written");
  EXPECT_HAS(open(folder / "a.mp4", VideoCodec::kFfv1), "Use .mkv");
  EXPECT_EQ(folder.entries(), 0);
}

// A limit on the file size stands in for a full disk: the same write() fails.
TEST(VideoWriter, AFullDiskIsAnInputErrorAndKeepsTheOldFile) {
  const TestFolder folder;
  write_file_atomic(folder / "a.mkv", std::vector<uint8_t>{1, 2, 3});
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight = {200000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string message = input_error_of([&] {
    VideoWriterOptions options = {.codec = VideoCodec::kFfv1};
    VideoWriter writer(folder / "a.mkv", 256, 256, {25, 1}, {1, 25}, options);
    for (uint32_t i = 0; i < 8; ++i) writer.write(noise_picture(i, 256, 256), i);
    writer.finish();
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_HAS(message, "cannot be written");
  EXPECT_EQ(read_file(folder / "a.mkv"), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(folder.entries(), 1);
}

}  // namespace
}  // namespace diptych
