// Modes, masks, colours and effects of a merge.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "faces/merge/face_layer.h"
#include "faces/merge/merge_face.h"
#include "faces/merge/test_scene.h"
#include "kernels/common/check.h"
#include "tests/support/expect_log.h"

namespace diptych {
namespace {

constexpr int kResolution = 64;

struct Scene {
  cv::Mat frame = wave_frame(320, 240);
  Landmarks face = landmarks_at(160, 120, 130, 5);

  MergedFrame merge(const MergeOptions& options, const Predictor& predict) const {
    return merge_frame(frame, {face}, kResolution, FaceType::kWhole, options, predict);
  }
};

MergeOptions with(MergeMode mode, const std::string& colour = "none") {
  MergeOptions options;
  options.mode = mode;
  options.colour_transfer = colour;
  return options;
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF);
}

// Mean colour inside the solid part of the mask.
cv::Scalar face_mean(const MergedFrame& out) {
  return cv::mean(out.image, out.mask == 255);
}

const Predictor kTint = tinted_predictor({1.2, 0.8, 0.9}, {0, 0.15, 0});

TEST(MergeModes, OriginalKeepsTheFrameAndShowsTheMask) {
  const Scene scene;
  const MergedFrame out = scene.merge(with(MergeMode::kOriginal), kTint);
  EXPECT_EQ(largest_difference(out.image, scene.frame), 0);
  EXPECT_GT(cv::countNonZero(out.mask), 3000);
}

TEST(MergeModes, RawRgbPastesTheWholeSquare) {
  const Scene scene;
  const MergedFrame out = scene.merge(with(MergeMode::kRawRgb), colour_predictor({1, 2, 3}, 0.0f));
  cv::Mat pasted;
  cv::inRange(out.image, cv::Scalar(1, 2, 3), cv::Scalar(1, 2, 3), pasted);
  EXPECT_NEAR(std::sqrt(cv::countNonZero(pasted)), 130, 4);
}

TEST(MergeModes, RawRgbShowsTheUnshapedMask) {
  const Scene scene;
  MergeOptions shaped = with(MergeMode::kRawRgb), plain = shaped;
  shaped.erode = 40;
  shaped.blur = 30;
  EXPECT_EQ(largest_difference(scene.merge(shaped, kTint).mask, scene.merge(plain, kTint).mask), 0);
}

TEST(MergeModes, RawPredictIsTheNetworksPicture) {
  const Scene scene;
  const MergedFrame out =
      scene.merge(with(MergeMode::kRawPredict), colour_predictor({10, 20, 30}, 1.0f));
  EXPECT_EQ(out.image.size(), cv::Size(kResolution, kResolution));
  EXPECT_EQ(out.image.at<cv::Vec3b>(9, 9), cv::Vec3b(10, 20, 30));
  EXPECT_EQ(out.mask.at<uchar>(9, 9), 255);
}

TEST(MergeModes, RawPredictWithoutAFaceIsBlack) {
  const MergedFrame out = merge_frame(wave_frame(99, 77), {}, kResolution, FaceType::kWhole,
                                      with(MergeMode::kRawPredict), kTint);
  EXPECT_EQ(out.image.size(), cv::Size(kResolution, kResolution));
  EXPECT_EQ(cv::norm(out.image, cv::NORM_INF), 0);
}

// Every mask mode against the product, sum or constant it stands for; 0.5 and 0.75 are the learned
// masks.
float mask_value(MaskMode mode) {
  const Scene scene;
  PredictedFace face{scene.face, {}, {}};
  face.prediction.mask = constant_mask(kResolution, 0.5f);
  face.prediction.dst_mask = constant_mask(kResolution, 0.75f);
  MergeOptions options;
  options.mask_mode = mode;
  const cv::Mat mask = choose_mask(scene.frame, face, {kResolution, FaceType::kWhole}, options);
  return mask.at<float>(mask.rows * 9 / 16, mask.cols / 2);
}

TEST(MergeModes, MaskValues) {
  EXPECT_EQ(mask_value(MaskMode::kFull), 1.0f);
  EXPECT_EQ(mask_value(MaskMode::kDst), 1.0f);
  EXPECT_EQ(mask_value(MaskMode::kLearnedPrd), 0.5f);
  EXPECT_EQ(mask_value(MaskMode::kLearnedDst), 0.75f);
  EXPECT_EQ(mask_value(MaskMode::kLearnedPrdTimesDst), 0.375f);
  EXPECT_EQ(mask_value(MaskMode::kLearnedPrdPlusDst), 1.0f);
}

TEST(MergeModes, ErosionShrinksTheMask) {
  const Scene scene;
  MergeOptions eroded = with(MergeMode::kOverlay);
  eroded.erode = 24;
  EXPECT_LT(cv::sum(scene.merge(eroded, kTint).mask)[0],
            0.9 * cv::sum(scene.merge(with(MergeMode::kOverlay), kTint).mask)[0]);
}

class TransferModes : public ::testing::TestWithParam<const char*> {};

// The frame under the face is the reference, so the tint goes away.
TEST_P(TransferModes, OverlayTakesTheColoursOfTheFrame) {
  const Scene scene;
  const MergedFrame out = scene.merge(with(MergeMode::kOverlay, GetParam()), kTint);
  const cv::Scalar want = cv::mean(scene.frame, out.mask == 255), got = face_mean(out);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(got[c], want[c], 4) << "channel " << c;
}

TEST_P(TransferModes, SeamlessTakesTheColoursOfTheFrame) {
  const Scene scene;
  const MergedFrame out = scene.merge(with(MergeMode::kSeamless, GetParam()), kTint);
  const cv::Scalar want = cv::mean(scene.frame, out.mask == 255), got = face_mean(out);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(got[c], want[c], 4) << "channel " << c;
}

TEST_P(TransferModes, ParityStaysFinite) {
  const Scene scene;
  MergeOptions options = with(MergeMode::kOverlay, GetParam());
  options.parity_dfl = true;
  const MergedFrame out = scene.merge(options, kTint);
  EXPECT_LT(largest_difference(out.image, scene.frame), 255);
}

TEST_P(TransferModes, FacesCutByTheFrameAreNotDarkened) {
  Scene scene;
  scene.face = landmarks_at(10, 120, 130, 5);
  const MergedFrame out = scene.merge(with(MergeMode::kOverlay, GetParam()), kTint);
  const cv::Scalar want = cv::mean(scene.frame, out.mask == 255), got = face_mean(out);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(got[c], want[c], 4) << "channel " << c;
}

INSTANTIATE_TEST_SUITE_P(MergeModes, TransferModes, ::testing::Values("rct", "lct", "mkl"));

// The modes that draw random numbers draw the same ones in every frame: no flicker.
TEST(MergeModes, RandomTransfersRepeat) {
  const Scene scene;
  for (const char* mode : {"idt", "sot"}) {
    const MergeOptions options = with(MergeMode::kOverlay, mode);
    EXPECT_EQ(
        largest_difference(scene.merge(options, kTint).image, scene.merge(options, kTint).image), 0)
        << mode;
  }
}

TEST(MergeModes, NoTransferKeepsTheTint) {
  const Scene scene;
  const MergedFrame out = scene.merge(with(MergeMode::kOverlay), kTint);
  EXPECT_GT(std::abs(face_mean(out)[0] - cv::mean(scene.frame, out.mask == 255)[0]), 10);
}

TEST(MergeModes, HistMatchTakesTheColoursOfTheFrame) {
  const Scene scene;
  MergeOptions options = with(MergeMode::kHistMatch);
  options.hist_match_threshold = 255;
  const MergedFrame out = scene.merge(options, kTint);
  const cv::Scalar want = cv::mean(scene.frame, out.mask == 255), got = face_mean(out);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(got[c], want[c], 4) << "channel " << c;
}

// Masked by our rule (statistics of the face) and by the original's (white outside) is the same
// match: both sides get the same share of white.
TEST(MergeModes, HistMatchAgreesWithParity) {
  const Scene scene;
  MergeOptions options = with(MergeMode::kHistMatch), parity = options;
  parity.parity_dfl = true;
  parity.mask_mode = options.mask_mode = MaskMode::kDst;
  const MergedFrame a = scene.merge(options, kTint), b = scene.merge(parity, kTint);
  cv::Mat difference;
  cv::absdiff(a.image, b.image, difference);
  EXPECT_LT(cv::mean(difference, (a.mask == 255) & (b.mask == 255))[0], 4);
}

TEST(MergeModes, SeamlessIdentityKeepsTheFrame) {
  const Scene scene;
  const Landmarks face = landmarks_at(160, 120, 66);
  MergeOptions options = with(MergeMode::kSeamless);
  options.mask_mode = MaskMode::kDst;
  const MergedFrame out = merge_frame(scene.frame, {face}, kResolution, FaceType::kWhole, options,
                                      identity_predictor());
  EXPECT_LE(largest_difference(out.image, scene.frame), 6);
}

// Poisson cloning takes gradients, so a constant shift of the face vanishes.
TEST(MergeModes, SeamlessRemovesAConstantShift) {
  const Scene scene;
  const Predictor shifted = tinted_predictor({1, 1, 1}, {0.12, 0.12, 0.12});
  const MergedFrame over = scene.merge(with(MergeMode::kOverlay), shifted);
  const MergedFrame seam = scene.merge(with(MergeMode::kSeamless), shifted);
  const double before = std::abs(face_mean(over)[1] - cv::mean(scene.frame, over.mask == 255)[1]);
  const double after = std::abs(face_mean(seam)[1] - cv::mean(scene.frame, seam.mask == 255)[1]);
  EXPECT_GT(before, 20);
  EXPECT_LT(after, 4);
}

TEST(MergeModes, SeamlessAtTheBorderStillMerges) {
  const Scene scene;
  MergeOptions options = with(MergeMode::kSeamless);
  options.mask_mode = MaskMode::kFull;
  const ExpectWarnings expected;  // the solver may refuse; then the face is overlaid
  const MergedFrame out = merge_frame(scene.frame, {landmarks_at(10, 230, 150)}, kResolution,
                                      FaceType::kWhole, options, identity_predictor());
  EXPECT_GT(cv::countNonZero(out.mask), 1000);
  EXPECT_LE(largest_difference(out.image, scene.frame), 60);
}

TEST(MergeModes, SeamlessHistMatchRuns) {
  const Scene scene;
  const MergedFrame out = scene.merge(with(MergeMode::kSeamlessHistMatch), kTint);
  EXPECT_GT(largest_difference(out.image, scene.frame), 0);
}

// Sharpening adds the change alone, so a flat region stays as it was pasted.
TEST(MergeModes, SharpeningLeavesFlatFacesAlone) {
  Scene scene;
  scene.frame.setTo(cv::Scalar(90, 120, 150));
  MergeOptions options = with(MergeMode::kOverlay);
  options.sharpen_mode = SharpenMode::kGaussian;
  options.sharpen = 5;
  const MergedFrame out = scene.merge(options, identity_predictor());
  EXPECT_LE(largest_difference(out.image, scene.frame), 1);
}

TEST(MergeModes, SharpeningRaisesContrast) {
  Scene scene;
  for (int x = 0; x < scene.frame.cols; ++x)
    scene.frame.col(x).setTo(cv::Scalar::all(x / 8 % 2 == 0 ? 90 : 150));
  MergeOptions sharp = with(MergeMode::kOverlay);
  sharp.sharpen_mode = SharpenMode::kBox;
  sharp.sharpen = 1;
  const auto spread = [&](const MergeOptions& options) {
    const MergedFrame out = scene.merge(options, identity_predictor());
    cv::Scalar mean, deviation;
    cv::meanStdDev(out.image, mean, deviation, out.mask == 255);
    return deviation[0];
  };
  EXPECT_GT(spread(sharp), 1.1 * spread(with(MergeMode::kOverlay)));
}

TEST(MergeModes, MotionBlurSoftensAlongThePath) {
  Scene scene;
  for (int x = 0; x < scene.frame.cols; ++x)
    scene.frame.col(x).setTo(cv::Scalar::all(x / 8 % 2 == 0 ? 90 : 150));
  MergeOptions options = with(MergeMode::kOverlay);
  options.motion_blur_power = 100;
  options.mask_mode = MaskMode::kFull;
  const Landmarks upright = landmarks_at(160, 120, 130);
  const cv::Mat crop = crop_for_network(scene.frame, upright, kResolution, FaceType::kWhole);
  const auto spread = [&](cv::Point2d motion) {
    const PredictedFace face{upright, crop, identity_predictor()(crop), motion};
    const MergedFrame out =
        merge_predicted(scene.frame, {face}, kResolution, FaceType::kWhole, options);
    cv::Scalar mean, deviation;
    cv::meanStdDev(out.image, mean, deviation, out.mask == 255);
    return deviation[0];
  };
  EXPECT_LT(spread({16, 0}), 0.7 * spread({0, 0}));
  EXPECT_GT(spread({0, 16}), 0.9 * spread({0, 0}));
}

TEST(MergeModes, DegradingTouchesTheSurroundings) {
  Scene scene;
  for (int x = 0; x < scene.frame.cols; x += 2) scene.frame.col(x).setTo(cv::Scalar::all(255));
  MergeOptions options = with(MergeMode::kOverlay);
  options.bicubic_degrade = 60;
  const MergedFrame out = scene.merge(options, kTint);
  EXPECT_GT(largest_difference(out.image.rowRange(0, 20), scene.frame.rowRange(0, 20)), 20);
}

TEST(MergeModes, NamesGoBothWays) {
  for (const auto name : merge_mode_names()) EXPECT_EQ(name_of(merge_mode_from(name)), name);
  for (const auto name : mask_mode_names()) EXPECT_EQ(name_of(mask_mode_from(name)), name);
}

TEST(MergeModes, AnUnknownNameListsTheKnownOnes) {
  try {
    merge_mode_from("overly");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("overlay"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace diptych
