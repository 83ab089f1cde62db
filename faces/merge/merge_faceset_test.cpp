// merge_video with the faces of a faceset.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "faces/faceset/faceset.h"
#include "faces/faceset/test_face.h"
#include "faces/image/test_folder.h"
#include "faces/merge/merge_video.h"
#include "faces/merge/test_scene.h"
#include "faces/video/test_clip.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class MergeFaceset : public ::testing::Test {
 protected:
  // Two faces in frame 2, one in frame 5.
  void fill(int width, int height) {
    const auto at = [](int frame, double x) {
      Face face = test_face(frame);
      face.frame_index = frame;
      face.source_landmarks = landmarks_at(x, 50, 40);
      return face;
    };
    faces_.put_frame({2, 0.08, width, height, 2, ""}, {at(2, 40), at(2, 110)});
    faces_.put_frame({5, 0.20, width, height, 1, ""}, {at(5, 70)});
  }

  MergeSummary merge() {
    const fs::path source = folder_ / "dst.mp4";
    write_clip(source, Clip{.frames = 8});
    const auto dst = open_frame_source(source);
    MergeOutput output;
    output.path = folder_ / "out.mp4";
    output.preset = "ultrafast";
    return merge_video(*dst, faces_,
                       {one_by_one(colour_predictor({0, 0, 255})), 64, FaceType::kWhole}, {},
                       output);
  }

  TestFolder folder_;
  Faceset faces_ = Faceset::create((folder_ / "dst.faces").string());
};

TEST_F(MergeFaceset, FacesAreFoundByFrame) {
  fill(160, 96);
  const FacesByFrame found = faces_by_frame(faces_);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found.at(2).size(), 2u);
  EXPECT_EQ(found.at(5).size(), 1u);
}

TEST_F(MergeFaceset, TrashedFacesAreNotMerged) {
  fill(160, 96);
  faces_.set_state({faces_.ids().back()}, FaceState::kTrash);
  EXPECT_EQ(faces_by_frame(faces_).count(5), 0u);
}

TEST_F(MergeFaceset, FramesWithFacesAreMerged) {
  fill(160, 96);
  const MergeSummary summary = merge();
  EXPECT_EQ(summary.frames, 8);
  EXPECT_EQ(summary.merged, 2);
}

TEST_F(MergeFaceset, FacesOfAnotherVideoAreAnError) {
  fill(640, 360);
  EXPECT_HAS(input_error_of([&] { merge(); }), "640x360");
}

TEST_F(MergeFaceset, AFacesetWithoutFacesIsAnError) {
  EXPECT_HAS(input_error_of([&] { merge(); }), "has no active faces");
}

}  // namespace
}  // namespace diptych
