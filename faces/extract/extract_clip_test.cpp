// Extraction with dlib from real clips and photographs.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "faces/detect/dlib_detect.h"
#include "faces/extract/extract.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

class ExtractClip : public ::testing::Test {
 protected:
  // Extracts into a new faceset; skips when the clip or the landmark model is not there.
  void extract(const std::string& name, int every) {
    const std::filesystem::path clip = test_data() / name;
    if (!std::filesystem::exists(clip) || !std::filesystem::exists(default_landmark_model())) {
      GTEST_SKIP() << "test material not found: " << clip << " or " << default_landmark_model();
    }
    faces_ = std::make_unique<Faceset>(Faceset::create((folder_ / "a.faces").string()));
    ExtractOptions options;
    options.every = every;
    const auto source = open_frame_source(clip);
    summary_ =
        extract_faces(*source, *make_dlib_detector(), *make_dlib_landmarks(), *faces_, options);
  }

  TestFolder folder_;
  std::unique_ptr<Faceset> faces_;
  ExtractSummary summary_;
};

TEST_F(ExtractClip, FindsTheFaceUntilItIsGone) {
  extract("videos/pyfeat_face_then_noface_960x540_30fps.mp4", 12);
  if (IsSkipped()) return;
  const std::vector<FrameRecord> frames = faces_->frames();
  ASSERT_GT(frames.size(), 10u);
  const int64_t last = frames.back().frame_index;
  for (const FrameRecord& frame : frames) {
    const double part = static_cast<double>(frame.frame_index) / static_cast<double>(last);
    if (part < 0.35) {
      EXPECT_EQ(frame.faces, 1) << frame.frame_index;
    } else if (part > 0.41) {
      EXPECT_EQ(frame.faces, 0) << frame.frame_index;
      EXPECT_EQ(frame.note, "no face");
    }
  }
}

TEST_F(ExtractClip, FindsTheFaceInEveryFrameOfASpeaker) {
  extract("videos/grid_bbaf2n_360x288_25fps.mp4", 5);
  if (IsSkipped()) return;
  EXPECT_GE(summary_.frames, 14);
  EXPECT_EQ(summary_.faces, summary_.frames);
  EXPECT_EQ(faces_->check(), std::vector<std::string>{});
}

TEST_F(ExtractClip, SyntheticHeadTurnsFollowTheTruth) {
  extract("videos/synthetic_a_512x512_24fps.mp4", 12);
  if (IsSkipped()) return;
  EXPECT_EQ(summary_.faces, summary_.frames);
  double low = 0, high = 0;  // the head turns about 35 degrees to either side
  for (const Face& face : faces_->load_all(false)) {
    low = std::min(low, face.pose.yaw);
    high = std::max(high, face.pose.yaw);
  }
  EXPECT_LT(low, -0.3);
  EXPECT_GT(high, 0.3);
}

}  // namespace
}  // namespace diptych
