// Which frame a name means.
// SPDX-License-Identifier: MIT
#include "faces/dfl/frame_names.h"

#include "faces/dfl/test_dfl.h"
#include "faces/image/image.h"

namespace diptych {
namespace {

// Ten frames at 25 frames a second.
class TenFrames : public FrameSource {
 public:
  TenFrames() {
    info_.path = "dst.mp4";
    info_.is_video = true;
    info_.width = 64;
    info_.height = 48;
    info_.time_base = {1, 25};
    for (int64_t i = 0; i < 10; ++i) pts_.push_back(i);
  }

  const SourceInfo& info() const override { return info_; }

  bool read(Frame&) override { return false; }

  void seek_pts(int64_t) override {}

  const std::vector<int64_t>& frame_pts() override { return pts_; }

 private:
  SourceInfo info_;
  std::vector<int64_t> pts_;
};

TEST(FrameNames, NumbersCountFromOneAndGetTheirTimes) {
  TenFrames video;
  const FrameNames names({"00001.png", "00010.jpg"}, {.source = &video, .must_tie = true}, "x");
  EXPECT_EQ(names.of("00001.png").frame_index, 0);
  EXPECT_EQ(names.of("00010.jpg").frame_index, 9);
  EXPECT_DOUBLE_EQ(names.of("00010.jpg").seconds, 0.36);
  EXPECT_EQ(names.of("00010.jpg").width, 64);
  EXPECT_TRUE(names.tied());
}

TEST(FrameNames, AZeroMeansThatTheyCountFromZero) {
  const FrameNames names({"0.png", "3.png"}, {}, "x");
  EXPECT_EQ(names.of("3.png").frame_index, 3);
}

TEST(FrameNames, TheSameStemIsTheSameFrame) {
  const FrameNames names({"00002.png", "00002.jpg"}, {}, "x");
  EXPECT_EQ(names.of("00002.png").frame_index, names.of("00002.jpg").frame_index);
}

TEST(FrameNames, ARateOfItsOwnIsLookedUpByTime) {
  TenFrames video;
  FrameNameOptions options{.source = &video, .must_tie = true};
  options.fps = 5;  // every fifth frame
  const FrameNames names({"00001.png", "00002.png"}, options, "x");
  EXPECT_EQ(names.of("00002.png").frame_index, 5);
  EXPECT_NE(input_error_of([&] { FrameNames({"00009.png"}, options, "x"); }), "");
}

TEST(FrameNames, FramesBehindTheEndAreRefusedOrNumberedInOrder) {
  TenFrames video;
  FrameNameOptions options{.source = &video, .must_tie = true};
  const std::string error = input_error_of([&] {
    FrameNames({"00001.png", "00011.png"}, options, "aligned");
  });
  EXPECT_NE(error.find("aligned: has a face of the frame '00011', but dst.mp4 has 10 frames"),
            std::string::npos)
      << error;
  options.must_tie = false;
  options.first_free = 100;
  const FrameNames names({"00001.png", "00011.png"}, options, "aligned");
  EXPECT_FALSE(names.tied());
  EXPECT_EQ(names.of("00011.png").frame_index, 101);
}

TEST(FrameNames, PicturesOfAFolderAreMatchedByName) {
  TestFolder folder;
  for (const char* name : {"shot2.png", "shot10.png"})
    write_bytes(folder / name, encode_png(cv::Mat(8, 8, CV_8UC3, cv::Scalar(1, 2, 3))));
  const auto source = open_frame_source(folder.path());
  const FrameNameOptions options{.source = source.get(), .must_tie = true};
  const FrameNames names({"shot10.jpg"}, options, "x");
  EXPECT_EQ(names.of("shot10.jpg").frame_index, 1);
  EXPECT_NE(input_error_of([&] { FrameNames({"shot3.png"}, options, "x"); }).find("'shot3'"),
            std::string::npos);
}

}  // namespace
}  // namespace diptych
