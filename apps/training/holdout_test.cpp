// Held-out faces: who is held out, and what the scores say.
// SPDX-License-Identifier: MIT
#include "apps/training/holdout.h"

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "apps/test_project.h"
#include "apps/training/metrics.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

std::vector<Face> numbered(int n) {
  std::vector<Face> faces(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) faces[static_cast<size_t>(i)].id = i + 1;
  return faces;
}

TEST(TakeHoldout, TakesEveryNth) {
  std::vector<Face> faces = numbered(7);
  const std::vector<Face> held = take_holdout(faces, 3);
  ASSERT_EQ(held.size(), 2u);
  EXPECT_EQ(held[0].id, 3);
  EXPECT_EQ(held[1].id, 6);
  EXPECT_EQ(faces.size(), 5u);
}

TEST(TakeHoldout, ZeroAndFewFacesTakeNone) {
  std::vector<Face> faces = numbered(4);
  EXPECT_TRUE(take_holdout(faces, 0).empty());
  EXPECT_TRUE(take_holdout(faces, 5).empty());
  EXPECT_EQ(faces.size(), 4u);
}

struct Pictures {
  cv::Mat picture{64, 64, CV_32FC3, cv::Scalar::all(0.5)};
  cv::Mat mask{64, 64, CV_32FC1, cv::Scalar(0)};

  Pictures() {
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x)
        picture.at<cv::Vec3f>(y, x) = cv::Vec3f::all((x / 4 + y / 4) % 2 ? 0.8f : 0.2f);
    mask(cv::Rect(16, 16, 32, 32)).setTo(1);
  }
};

TEST(ScoreFace, ThePictureItselfIsPerfect) {
  const Pictures p;
  const HoldoutScore s = score_face(p.picture, p.picture, p.mask, p.mask);
  EXPECT_NEAR(s.dssim, 0, 1e-6);
  EXPECT_NEAR(s.sharpness, 1, 1e-9);
  EXPECT_EQ(s.mask_iou, 1);
}

TEST(ScoreFace, BlurCostsSharpnessAndLikeness) {
  const Pictures p;
  cv::Mat blurred;
  cv::GaussianBlur(p.picture, blurred, {0, 0}, 2);
  const HoldoutScore s = score_face(p.picture, blurred, p.mask, p.mask);
  EXPECT_LT(s.sharpness, 0.5);
  EXPECT_GT(s.dssim, 0.02);
}

TEST(ScoreFace, OutsideOfTheMaskDoesNotCount) {
  const Pictures p;
  cv::Mat other = p.picture.clone();
  other(cv::Rect(0, 0, 64, 10)).setTo(cv::Scalar::all(1));
  EXPECT_NEAR(score_face(p.picture, other, p.mask, p.mask).dssim, 0, 1e-6);
}

TEST(ScoreFace, HalfTheMaskIsHalfTheUnion) {
  const Pictures p;
  cv::Mat half = cv::Mat::zeros(64, 64, CV_32FC1);
  half(cv::Rect(16, 16, 16, 32)).setTo(1);
  EXPECT_NEAR(score_face(p.picture, p.picture, p.mask, half).mask_iou, 0.5, 1e-9);
}

TEST(Holdout, TrainingNeverSeesHeldOutFacesAndScoresThem) {
  const TestFolder folder;
  const Project project = make_project(folder / "p");  // 6 faces a side
  TrainRequest request;
  request.settings = project.settings();
  for (const char* pair : {"holdout_every=3", "holdout_steps=2"})
    request.settings.assign(pair, "test");
  request.iterations = 6;
  TrainSession(project, request).run();
  const auto metrics = project.run("main") / "metrics.jsonl";
  const std::vector<HoldoutPoint> scores = read_holdout(metrics);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[0].iteration, 2);
  EXPECT_GT(scores[2].scores.src.dssim, 0);
  EXPECT_LT(scores[2].scores.src.dssim, 0.6);
  const Faceset faces = Faceset::open(project.faces(Side::kSrc).string());
  for (const FaceLoss& loss : faces.losses()) {
    EXPECT_NE(loss.id, faces.ids()[2]);
    EXPECT_NE(loss.id, faces.ids()[5]);
  }
  EXPECT_TRUE(Timeline(project).at(6).scores.has_value());
}

TEST(Holdout, JsonGoesThereAndBack) {
  const HoldoutScores s = {{0.125, 0.5, 1}, {0.25, 0.75, 0}};
  const HoldoutScores back = holdout_from_json(to_json(s));
  EXPECT_EQ(back.src.dssim, 0.125);
  EXPECT_EQ(back.dst.sharpness, 0.75);
  EXPECT_EQ(back.src.mask_iou, 1);
  EXPECT_THROW(holdout_from_json("{}"), Error);
}

}  // namespace
}  // namespace diptych
