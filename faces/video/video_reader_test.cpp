// Tests of reading: every frame once, at its time, upright, in the right colours; damage is told.
// SPDX-License-Identifier: MIT
#include "faces/video/video_reader.h"

#include <gtest/gtest.h>

#include "faces/image/file_io.h"
#include "faces/image/test_folder.h"
#include "faces/video/colour.h"
#include "faces/video/test_clip.h"

namespace diptych {
namespace {

Clip uneven_clip() {
  Clip clip{.frames = 50, .time_base = {1, 90000}};
  clip.options.preset = "veryfast";  // B-frames
  clip.pts = [](int i) { return int64_t{3003} * i + (i % 3) * 517 + (i > 20 ? 40001 : 0); };
  return clip;
}

void put32(std::vector<uint8_t>& bytes, size_t at, int32_t value) {
  for (int i = 0; i < 4; ++i) {
    bytes[at + static_cast<size_t>(i)] = static_cast<uint8_t>(value >> (24 - 8 * i));
  }
}

// Writes a, b, c, d of the display matrix of the first track.
void set_matrix(const std::filesystem::path& file, int a, int b, int c, int d) {
  auto bytes = read_file(file);
  const size_t matrix = find_box(bytes, "tkhd") + 4 + 40;  // version 0: ISO/IEC 14496-12, 8.3.2
  put32(bytes, matrix, a * 65536);
  put32(bytes, matrix + 4, b * 65536);
  put32(bytes, matrix + 12, c * 65536);
  put32(bytes, matrix + 16, d * 65536);
  write_file_atomic(file, bytes);
}

TEST(VideoReader, GivesEveryFrameOnceInOrder) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", uneven_clip());
  VideoReader reader(folder / "a.mp4");
  const auto frames = read_all(reader);
  ASSERT_EQ(frames.size(), 50u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(frames[static_cast<size_t>(i)].index, i);
    EXPECT_EQ(number_of(frames[static_cast<size_t>(i)].bgr), i);
  }
  EXPECT_FALSE(reader.damage().has_value());
}

TEST(VideoReader, InfoDescribesTheFile) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 25});
  const VideoReader reader(folder / "a.mp4");
  const SourceInfo& info = reader.info();
  EXPECT_EQ(info.width, 160);
  EXPECT_EQ(info.height, 96);
  EXPECT_EQ(info.frames, 25);
  EXPECT_DOUBLE_EQ(info.fps.value(), 25.0);
  EXPECT_DOUBLE_EQ(info.duration, 1.0);
  EXPECT_EQ(info.rotation, 0);
  EXPECT_FALSE(info.has_audio);
  EXPECT_FALSE(info.interlaced);
}

TEST(VideoReader, ScannedTimeStampsAreThoseOfTheFrames) {
  const TestFolder folder;
  for (const char* name : {"a.mp4", "a.mkv", "a.mov"}) {
    write_clip(folder / name, uneven_clip());
    VideoReader reader(folder / name);
    EXPECT_EQ(reader.frame_pts(), pts_of(read_all(reader))) << name;
  }
}

TEST(VideoReader, AnyOrderOfSeeksGivesTheSameFrames) {
  const TestFolder folder;
  for (const char* name : {"a.mp4", "a.mkv"}) {
    write_clip(folder / name, uneven_clip());
    VideoReader sequential(folder / name), jumping(folder / name);
    const auto frames = read_all(sequential);
    Rng rng(5, 0, 0);
    for (int round = 0; round < 60; ++round) {
      const auto index = rng.below(static_cast<uint32_t>(frames.size()));
      Frame frame;
      ASSERT_TRUE(jumping.read_index(index, frame));
      ASSERT_EQ(frame.index, index);
      ASSERT_EQ(frame.pts, frames[index].pts);
      ASSERT_EQ(cv::norm(frame.bgr, frames[index].bgr, cv::NORM_INF), 0) << name << " " << index;
    }
  }
}

TEST(VideoReader, ReadingGoesOnAfterASeek) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", uneven_clip());
  VideoReader reader(folder / "a.mp4");
  Frame frame;
  ASSERT_TRUE(reader.read_index(17, frame));
  for (int i = 18; i < 50; ++i) {
    ASSERT_TRUE(reader.read(frame));
    EXPECT_EQ(frame.index, i);
    EXPECT_EQ(number_of(frame.bgr), i);
  }
  EXPECT_FALSE(reader.read(frame));
  ASSERT_TRUE(reader.read_index(0, frame));
  EXPECT_EQ(number_of(frame.bgr), 0);
}

TEST(VideoReader, ATimeBetweenFramesGivesTheFrameOnShow) {
  const TestFolder folder;
  const Clip clip = uneven_clip();
  write_clip(folder / "a.mp4", clip);
  VideoReader reader(folder / "a.mp4");
  Frame frame;
  ASSERT_TRUE(reader.read_at_pts(clip.pts(30) + 1, frame));
  EXPECT_EQ(frame.index, 30);
  ASSERT_TRUE(reader.read_at_pts(clip.pts(30) - 1, frame));
  EXPECT_EQ(frame.index, 29);
  ASSERT_TRUE(reader.read_at(static_cast<double>(clip.pts(7)) / 90000, frame));
  EXPECT_EQ(frame.index, 7);
  ASSERT_TRUE(reader.read_at(-3, frame));
  EXPECT_EQ(frame.index, 0);
  ASSERT_TRUE(reader.read_at(1e6, frame));
  EXPECT_EQ(frame.index, 49);
}

TEST(VideoReader, ThreadsDoNotChangeTheBits) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", uneven_clip());
  VideoReader one(folder / "a.mp4", {.threads = 1}), four(folder / "a.mp4", {.threads = 4});
  const auto a = read_all(one), b = read_all(four);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(cv::norm(a[i].bgr, b[i].bgr, cv::NORM_INF), 0);
}

TEST(VideoReader, NeverWritesIntoAPictureThatIsStillHeld) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 5});
  VideoReader reader(folder / "a.mp4");
  Frame frame;
  ASSERT_TRUE(reader.read(frame));
  const cv::Mat held = frame.bgr, copy = held.clone();
  ASSERT_TRUE(reader.read(frame));
  EXPECT_EQ(cv::norm(held, copy, cv::NORM_INF), 0);
}

struct TurnCase {
  int a, b, c, d;
  int rotation;
  bool mirrored;
  int rotate_code;  // of cv::rotate, -1 none
  int flip_code;    // of cv::flip after it, -2 none
};

class Turn : public testing::TestWithParam<TurnCase> {};

TEST_P(Turn, IsApplied) {
  const TestFolder folder;
  const TurnCase& turn = GetParam();
  Clip clip{.frames = 1, .width = 62, .height = 38};
  clip.options.codec = VideoCodec::kH264Rgb;
  write_clip(folder / "a.mp4", clip);
  set_matrix(folder / "a.mp4", turn.a, turn.b, turn.c, turn.d);
  VideoReader reader(folder / "a.mp4");
  Frame frame;
  ASSERT_TRUE(reader.read(frame));
  cv::Mat expected = numbered_picture(0, 62, 38);
  if (turn.rotate_code >= 0) cv::rotate(expected, expected, turn.rotate_code);
  if (turn.flip_code > -2) cv::flip(expected, expected, turn.flip_code);
  ASSERT_EQ(frame.bgr.size(), expected.size());
  EXPECT_EQ(cv::norm(frame.bgr, expected, cv::NORM_INF), 0);
  EXPECT_EQ(cv::Size(reader.info().width, reader.info().height), expected.size());
  EXPECT_EQ(reader.info().rotation, turn.rotation);
  EXPECT_EQ(reader.info().mirrored, turn.mirrored);
}

INSTANTIATE_TEST_SUITE_P(
    VideoReader,
    Turn,
    testing::Values(TurnCase{1, 0, 0, 1, 0, false, -1, -2},
                    TurnCase{0, 1, -1, 0, 90, false, cv::ROTATE_90_CLOCKWISE, -2},
                    TurnCase{-1, 0, 0, -1, 180, false, cv::ROTATE_180, -2},
                    TurnCase{0, -1, 1, 0, 270, false, cv::ROTATE_90_COUNTERCLOCKWISE, -2},
                    TurnCase{-1, 0, 0, 1, 0, true, -1, 1},
                    TurnCase{0, 1, 1, 0, 90, true, cv::ROTATE_90_CLOCKWISE, 1}));

// A one-colour YUV frame.
FramePtr yuv_frame(AVPixelFormat format, int y, int u, int v) {
  FramePtr frame = make_frame();
  frame->format = format;
  frame->width = 35;  // odd: the last chroma sample covers one column
  frame->height = 17;
  EXPECT_GE(av_frame_get_buffer(frame.get(), 0), 0);
  const int values[] = {y, u, v};
  for (int plane = 0; plane < 3; ++plane) {
    const int rows = plane == 0 ? 17 : 9;
    std::fill_n(frame->data[plane], frame->linesize[plane] * rows,
                static_cast<uint8_t>(values[plane]));
  }
  return frame;
}

struct RedCase {
  AVPixelFormat format;
  AVColorSpace matrix;
  AVColorRange range;
  int y, u, v;
};

// Pure red in each system, from Kr and Kb of the standards: Y = Kr, Cb = -Kr / (2 - 2 Kb), Cr =
// 1/2.
TEST(Colour, RedIsRedInEverySystem) {
  const RedCase cases[] = {
      {AV_PIX_FMT_YUV420P, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 81, 90, 240},
      {AV_PIX_FMT_YUV420P, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, 63, 102, 240},
      {AV_PIX_FMT_YUV420P, AVCOL_SPC_BT2020_NCL, AVCOL_RANGE_MPEG, 74, 97, 240},
      {AV_PIX_FMT_YUV420P, AVCOL_SPC_BT709, AVCOL_RANGE_JPEG, 54, 99, 255},
      {AV_PIX_FMT_YUVJ420P, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_UNSPECIFIED, 76, 85, 255}};
  for (const RedCase& c : cases) {
    ToBgr to_bgr;
    const FramePtr frame = yuv_frame(c.format, c.y, c.u, c.v);
    const ColourModel model = resolve_colour(c.format, c.matrix, c.range, 35, 17);
    const cv::Mat& bgr = to_bgr.convert(*frame, model, {35, 17});
    const cv::Mat red(17, 35, CV_8UC3, cv::Scalar(0, 0, 255));
    EXPECT_LE(cv::norm(bgr, red, cv::NORM_INF), 2) << c.matrix << " " << c.range;
  }
}

TEST(Colour, UntaggedFollowsTheSize) {
  const auto matrix = [](int width, int height) {
    return resolve_colour(AV_PIX_FMT_YUV420P, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, width,
                          height)
        .matrix;
  };
  EXPECT_EQ(matrix(720, 576), AVCOL_SPC_SMPTE170M);
  EXPECT_EQ(matrix(1280, 720), AVCOL_SPC_BT709);
  EXPECT_EQ(matrix(480, 854), AVCOL_SPC_BT709);
}

TEST(VideoReader, RealClipsReadCompletely) {
  const auto videos = test_data() / "videos";
  if (!std::filesystem::exists(videos)) GTEST_SKIP() << "test material is not here: " << videos;
  const std::pair<const char*, size_t> clips[] = {
      {"grid_bbaf2n_360x288_25fps.mp4", 75}, {"pyfeat_face_then_noface_960x540_30fps.mp4", 192}};
  for (const auto& [name, count] : clips) {
    VideoReader reader(videos / name);
    size_t frames = 0;
    double last = -1;
    for (Frame frame; reader.read(frame); ++frames) {
      EXPECT_GT(frame.seconds, last);
      last = frame.seconds;
    }
    EXPECT_EQ(frames, count) << name;
    EXPECT_EQ(reader.frame_pts().size(), count) << name;
    EXPECT_FALSE(reader.damage().has_value()) << name;
  }
}

TEST(VideoReader, RealClipSeeksAgreeWithReading) {
  const auto file = test_data() / "videos/pexels_wolfganglanger_640x360_24fps.mp4";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "test material is not here: " << file;
  VideoReader sequential(file), jumping(file);
  Frame frame, found;
  for (int i = 0; i < 120 && sequential.read(frame); ++i) {
    if (i % 23 != 0) continue;
    ASSERT_TRUE(jumping.read_at(frame.seconds, found));
    EXPECT_EQ(found.index, i);
    EXPECT_EQ(cv::norm(frame.bgr, found.bgr, cv::NORM_INF), 0) << i;
  }
}

}  // namespace
}  // namespace diptych
