// merge_frame: what stays, what changes and where.
// SPDX-License-Identifier: MIT
#include "faces/merge/merge_face.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "faces/merge/face_mask.h"
#include "faces/merge/resample.h"
#include "faces/merge/test_scene.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

MergeOptions plain(MaskMode mask = MaskMode::kFull) {
  MergeOptions options;
  options.mask_mode = mask;
  options.colour_transfer = "none";
  return options;
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF);
}

class Resolutions : public ::testing::TestWithParam<int> {};

// A crop of about one pixel per frame pixel, any turn: the way there and back costs two cubic
// interpolations of a picture without fine detail.
TEST_P(Resolutions, IdentityPredictorKeepsTheFrame) {
  const int r = GetParam();
  const cv::Mat frame = wave_frame(512, 400);
  const MergedFrame out = merge_frame(frame, {landmarks_at(250.3, 200.6, r * 1.1, 12)}, r,
                                      FaceType::kWhole, plain(), identity_predictor());
  EXPECT_LE(largest_difference(out.image, frame), 1);
  EXPECT_GT(cv::countNonZero(out.mask), r * r / 2);
}

TEST_P(Resolutions, ConstantColourFillsTheMask) {
  const int r = GetParam();
  const cv::Mat frame = wave_frame(512, 400);
  const MergedFrame out = merge_frame(frame, {landmarks_at(250, 200, 240, -8)}, r, FaceType::kWhole,
                                      plain(MaskMode::kDst), colour_predictor({10, 100, 200}));
  const cv::Mat solid = out.mask == 255;
  ASSERT_GT(cv::countNonZero(solid), 5000);
  cv::Mat want(frame.size(), CV_8UC3, cv::Scalar(10, 100, 200)), seen;
  cv::absdiff(out.image, want, seen);
  cv::Mat inside = cv::Mat::zeros(frame.size(), CV_8UC3);
  seen.copyTo(inside, solid);
  EXPECT_EQ(cv::norm(inside, cv::NORM_INF), 0);
}

INSTANTIATE_TEST_SUITE_P(MergeFace, Resolutions, ::testing::Values(64, 96, 128, 160, 224, 256));

TEST(MergeFace, NothingChangesOutsideTheMask) {
  const cv::Mat frame = wave_frame(320, 240);
  const MergedFrame out = merge_frame(frame, {landmarks_at(160, 120, 120)}, 64, FaceType::kWhole,
                                      plain(MaskMode::kDst), colour_predictor({0, 0, 255}));
  cv::Mat seen;
  cv::absdiff(out.image, frame, seen);
  seen.setTo(0, out.mask > 0);
  EXPECT_EQ(cv::norm(seen, cv::NORM_INF), 0);
}

TEST(MergeFace, NoFacePassesTheFrameThrough) {
  const cv::Mat frame = wave_frame(64, 48);
  const MergedFrame out =
      merge_frame(frame, {}, 64, FaceType::kWhole, MergeOptions{}, identity_predictor());
  EXPECT_EQ(out.image.data, frame.data);
  EXPECT_EQ(out.mask.size(), frame.size());
  EXPECT_EQ(cv::countNonZero(out.mask), 0);
}

TEST(MergeFace, TheFrameIsNotWrittenTo) {
  const cv::Mat frame = wave_frame(200, 200), before = frame.clone();
  merge_frame(frame, {landmarks_at(100, 100, 150)}, 64, FaceType::kWhole, plain(),
              colour_predictor({255, 0, 0}));
  EXPECT_EQ(largest_difference(frame, before), 0);
}

TEST(MergeFace, FullMaskCoversTheCrop) {
  const MergedFrame out = merge_frame(wave_frame(300, 300), {landmarks_at(150, 150, 100)}, 64,
                                      FaceType::kWhole, plain(), identity_predictor());
  const double side = std::sqrt(cv::sum(out.mask)[0] / 255);
  EXPECT_NEAR(side, 100, 1.0);
}

TEST(MergeFace, LaterFacesLieOnTop) {
  const cv::Mat frame = wave_frame(300, 200);
  int calls = 0;
  const Predictor predict = [&](const cv::Mat& crop) {
    return colour_predictor(calls++ == 0 ? cv::Scalar(255, 0, 0) : cv::Scalar(0, 0, 255))(crop);
  };
  const MergedFrame out =
      merge_frame(frame, {landmarks_at(120, 100, 100), landmarks_at(160, 100, 100)}, 64,
                  FaceType::kWhole, plain(), predict);
  EXPECT_EQ(out.image.at<cv::Vec3b>(100, 140), cv::Vec3b(0, 0, 255));
  EXPECT_EQ(out.image.at<cv::Vec3b>(100, 90), cv::Vec3b(255, 0, 0));
}

TEST(MergeFace, EveryFaceIsCroppedFromTheOriginal) {
  const cv::Mat frame = wave_frame(300, 200);
  std::vector<cv::Mat> crops;
  const Predictor predict = [&](const cv::Mat& crop) {
    crops.push_back(crop.clone());
    return colour_predictor({255, 0, 0})(crop);
  };
  const Landmarks same = landmarks_at(150, 100, 100);
  merge_frame(frame, {same, same}, 64, FaceType::kWhole, plain(), predict);
  ASSERT_EQ(crops.size(), 2u);
  EXPECT_EQ(largest_difference(crops[0], crops[1]), 0);
}

TEST(MergeFace, HalfMaskBlendsHalfWay) {
  const cv::Mat frame(200, 200, CV_8UC3, cv::Scalar(100, 100, 100));
  const MergedFrame out =
      merge_frame(frame, {landmarks_at(100, 100, 120)}, 64, FaceType::kWhole,
                  plain(MaskMode::kLearnedPrd), colour_predictor({200, 0, 101}, 0.5f));
  EXPECT_EQ(out.image.at<cv::Vec3b>(100, 100), cv::Vec3b(150, 50, 101));
  EXPECT_EQ(out.mask.at<uchar>(100, 100), 128);
}

// merge.md 9: blending identical pictures and truncating lowers some levels by one; how many
// depends on the last bit of the mask, so several masks are tried.
int lowered_levels(bool parity) {
  MergeOptions options = plain(MaskMode::kLearnedPrd);
  options.parity_dfl = parity;
  int lowered = 0;
  for (const float mask : {0.21f, 0.3f, 0.37f, 0.44f}) {
    for (int level = 0; level < 256; level += 3) {
      const cv::Mat frame(60, 60, CV_8UC3, cv::Scalar::all(level));
      const MergedFrame out = merge_frame(frame, {landmarks_at(30, 30, 50)}, 16, FaceType::kWhole,
                                          options, colour_predictor(cv::Scalar::all(level), mask));
      lowered += level - out.image.at<cv::Vec3b>(30, 30)[0];
    }
  }
  return lowered;
}

TEST(MergeFace, BlendingTheSameChangesNothing) {
  EXPECT_EQ(lowered_levels(false), 0);
}

TEST(MergeFace, ParityLosesLevelsByTruncation) {
  EXPECT_GT(lowered_levels(true), 0);
}

TEST(MergeFace, ParityKeepsLevelsOutsideTheMask) {
  cv::Mat frame(256, 256, CV_8UC3);
  for (int y = 0; y < 256; ++y) frame.row(y).setTo(cv::Scalar::all(y));
  MergeOptions options = plain();
  options.parity_dfl = true;
  const MergedFrame out = merge_frame(frame, {landmarks_at(200, 128, 40)}, 32, FaceType::kWhole,
                                      options, colour_predictor({0, 0, 0}));
  EXPECT_EQ(largest_difference(out.image.colRange(0, 100), frame.colRange(0, 100)), 0);
}

class Corners : public ::testing::TestWithParam<cv::Point> {};

TEST_P(Corners, AFacePartlyOutsideIsMergedWhereItIsSeen) {
  const cv::Mat frame = wave_frame(200, 160);
  const cv::Point at = GetParam();
  const MergedFrame out = merge_frame(frame, {landmarks_at(at.x, at.y, 150)}, 64, FaceType::kWhole,
                                      plain(), colour_predictor({0, 255, 0}));
  const cv::Point probe(std::clamp(at.x, 5, 194), std::clamp(at.y, 5, 154));
  EXPECT_EQ(out.image.at<cv::Vec3b>(probe), cv::Vec3b(0, 255, 0));
}

INSTANTIATE_TEST_SUITE_P(MergeFace,
                         Corners,
                         ::testing::Values(cv::Point(0, 0),
                                           cv::Point(199, 0),
                                           cv::Point(-20, 80),
                                           cv::Point(100, 170),
                                           cv::Point(215, 175)));

TEST(MergeFace, AFaceOutsideChangesNothing) {
  const cv::Mat frame = wave_frame(200, 160);
  const MergedFrame out = merge_frame(frame, {landmarks_at(-900, 3000, 100)}, 64, FaceType::kWhole,
                                      plain(), colour_predictor({0, 255, 0}));
  EXPECT_EQ(largest_difference(out.image, frame), 0);
}

TEST(MergeFace, ATinyFaceIsLeftAlone) {
  const cv::Mat frame = wave_frame(100, 100);
  const MergedFrame out = merge_frame(frame, {landmarks_at(50, 50, 2.5)}, 64, FaceType::kWhole,
                                      plain(), colour_predictor({0, 255, 0}));
  EXPECT_EQ(largest_difference(out.image, frame), 0);
}

TEST(MergeFace, ASmallFaceIsMerged) {
  const cv::Mat frame = wave_frame(100, 100);
  const MergedFrame out = merge_frame(frame, {landmarks_at(50, 50, 12)}, 128, FaceType::kWhole,
                                      plain(), colour_predictor({0, 255, 0}));
  EXPECT_EQ(out.image.at<cv::Vec3b>(50, 50), cv::Vec3b(0, 255, 0));
}

// A crop that shrinks the frame by eight sees the mean of fine stripes, not single lines of them.
TEST(MergeFace, ShrinkingCropsAverage) {
  cv::Mat frame(600, 600, CV_8UC3);
  for (int x = 0; x < 600; ++x) frame.col(x).setTo(cv::Scalar::all(x % 2 == 0 ? 255 : 0));
  const cv::Mat crop = crop_for_network(frame, landmarks_at(300, 300, 512), 64, FaceType::kWhole);
  cv::Scalar mean, deviation;
  cv::meanStdDev(crop(cv::Rect(4, 4, 56, 56)), mean, deviation);
  EXPECT_NEAR(mean[0], 0.5, 0.01);
  EXPECT_LT(deviation[0], 0.02);
}

TEST(MergeFace, CropsAreBlackOutsideTheFrame) {
  const cv::Mat frame(100, 100, CV_8UC3, cv::Scalar::all(200));
  const cv::Mat crop = crop_for_network(frame, landmarks_at(0, 50, 100), 64, FaceType::kWhole);
  EXPECT_EQ(crop.at<cv::Vec3f>(32, 2)[0], 0);
  EXPECT_NEAR(crop.at<cv::Vec3f>(32, 50)[0], 200 / 255.0, 1e-5);
}

double pasted_side(int scale, bool parity) {
  MergeOptions options = plain();
  options.output_face_scale = scale;
  options.parity_dfl = parity;
  const MergedFrame out = merge_frame(wave_frame(400, 400), {landmarks_at(200, 200, 200)}, 64,
                                      FaceType::kWhole, options, identity_predictor());
  return std::sqrt(cv::sum(out.mask)[0] / 255);
}

TEST(MergeFace, PositiveScaleEnlarges) {
  EXPECT_NEAR(pasted_side(20, false), 240, 1.5);
}

TEST(MergeFace, ParityScaleShrinks) {
  EXPECT_NEAR(pasted_side(20, true), 200 / 1.2, 1.5);
}

TEST(MergeFace, NotANumberInThePredictionIsAnError) {
  const Predictor broken = [](const cv::Mat& crop) {
    Prediction p = identity_predictor()(crop);
    p.mask.at<float>(3, 3) = std::numeric_limits<float>::quiet_NaN();
    return p;
  };
  try {
    merge_frame(wave_frame(100, 100), {landmarks_at(50, 50, 60)}, 64, FaceType::kWhole, {}, broken);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("predicted mask of face 0"), std::string::npos)
        << error.what();
  }
}

TEST(MergeFace, APredictionOfAnotherSizeIsAnError) {
  const Predictor broken = [](const cv::Mat& crop) {
    Prediction p = identity_predictor()(crop);
    p.face = cv::Mat(32, 32, CV_32FC3, cv::Scalar::all(0));
    return p;
  };
  EXPECT_THROW(merge_frame(wave_frame(100, 100), {landmarks_at(50, 50, 60)}, 64, FaceType::kWhole,
                           {}, broken),
               Error);
}

TEST(MergeFace, AGreyFrameIsAnError) {
  EXPECT_THROW(merge_frame(cv::Mat::zeros(9, 9, CV_8UC1), {}, 64, FaceType::kWhole, {},
                           identity_predictor()),
               Error);
}

TEST(MergeFace, AnOptionOutOfRangeIsAnError) {
  MergeOptions options;
  options.erode = 401;
  EXPECT_THROW(
      merge_frame(wave_frame(9, 9), {}, 64, FaceType::kWhole, options, identity_predictor()),
      Error);
}

TEST(MergeFace, TheSameInputGivesTheSameBits) {
  const cv::Mat frame = wave_frame(300, 300);
  const auto merge = [&] {
    return merge_frame(frame, {landmarks_at(150, 150, 180)}, 64, FaceType::kWhole, MergeOptions{},
                       tinted_predictor({1.2, 0.8, 0.9}, {0, 0.1, 0}));
  };
  EXPECT_EQ(largest_difference(merge().image, merge().image), 0);
}

}  // namespace
}  // namespace diptych
