// Post effects against the test vectors of spec merge.md 13.
// SPDX-License-Identifier: MIT
#include "faces/merge/post_effects.h"

#include <set>

#include <gtest/gtest.h>

#include "faces/merge/face_colour.h"
#include "faces/merge/test_scene.h"

namespace diptych {
namespace {

// The image t of the vectors.
cv::Mat vector_image() {
  cv::Mat t(16, 16, CV_32FC3);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      const int wave = (3 * x + 5 * y) % 11;
      t.at<cv::Vec3f>(y, x) = {static_cast<float>(x + 1) / 20.0f, static_cast<float>(y + 1) / 24.0f,
                               0.2f + static_cast<float>(wave) / 20.0f};
    }
  }
  return t;
}

// Mean, population deviation and pixel (row 3, column 5) to the four digits of the table.
void expect_vector(const cv::Mat& got, cv::Vec3d mean, cv::Vec3d deviation, cv::Vec3d pixel) {
  cv::Scalar m, s;
  cv::meanStdDev(got, m, s);
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(m[c], mean[c], 6e-5) << "mean of channel " << c;
    EXPECT_NEAR(s[c], deviation[c], 6e-5) << "deviation of channel " << c;
    EXPECT_NEAR(got.at<cv::Vec3f>(3, 5)[c], pixel[c], 6e-5) << "pixel, channel " << c;
  }
}

TEST(PostEffects, BoxSharpen) {
  expect_vector(sharpen(vector_image(), SharpenMode::kBox, 3), {.4250, .3542, .4500},
                {.2525, .2104, .6701}, {.3000, .1667, 1.1500});
}

TEST(PostEffects, GaussianSharpen) {
  expect_vector(sharpen(vector_image(), SharpenMode::kGaussian, 3), {.4250, .3542, .4500},
                {.2384, .1986, .3830}, {.3000, .1667, .8578});
}

TEST(PostEffects, MedianBlur) {
  expect_vector(sharpen(vector_image(), SharpenMode::kNone, -15), {.4250, .3542, .4500},
                {.2305, .1921, .0196}, {.3000, .1667, .4500});
}

TEST(PostEffects, MotionBlur) {
  expect_vector(motion_blur(vector_image(), 5, 30), {.4250, .3542, .4500}, {.2175, .1866, .0531},
                {.3000, .1667, .5229});
}

TEST(PostEffects, SharpenWithoutModeDoesNothing) {
  EXPECT_EQ(cv::norm(sharpen(vector_image(), SharpenMode::kNone, 50), vector_image()), 0);
}

TEST(PostEffects, ShortestMotionKernel) {
  const cv::Mat want = (cv::Mat_<float>(2, 2) << .5f, .5f, 0, 0);
  EXPECT_LT(cv::norm(motion_kernel(2, 0), want, cv::NORM_INF), 1e-6);
}

TEST(PostEffects, TurnedMotionKernel) {
  const cv::Mat want = (cv::Mat_<float>(5, 5) << 0, 0, 0, 0, .0157f,  //
                        0, 0, .0249f, .1244f, .1360f,                 //
                        0, .0995f, .1990f, .0995f, 0,                 //
                        .1360f, .1244f, .0249f, 0, 0, .0157f, 0, 0, 0, 0);
  EXPECT_LT(cv::norm(motion_kernel(5, 30), want, cv::NORM_INF), 6e-5);
}

// Power 50: passes of weight 0.5, 0.4, 0.3, 0.2 and 0.1 (merge.md 7.3).
TEST(PostEffects, DenoiseWeights) {
  cv::Mat dot = cv::Mat::zeros(9, 9, CV_32FC3);
  dot.at<cv::Vec3f>(4, 4) = {1, 1, 1};
  const double left = 0.5 * 0.6 * 0.7 * 0.8 * 0.9;
  EXPECT_NEAR(denoise(dot, 50).at<cv::Vec3f>(4, 4)[0], left, 1e-6);
}

TEST(PostEffects, BicubicDegradeKeepsTheSize) {
  EXPECT_EQ(bicubic_degrade(vector_image(), 100).size(), cv::Size(16, 16));
}

TEST(PostEffects, BicubicDegradeOfNothingIsNothing) {
  EXPECT_LT(cv::norm(bicubic_degrade(vector_image(), 0), vector_image(), cv::NORM_INF), 1e-6);
}

std::set<int> colours_of(const cv::Mat& picture) {
  std::set<int> colours;
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      const auto& p = picture.at<cv::Vec3b>(y, x);
      colours.insert(p[0] | p[1] << 8 | p[2] << 16);
    }
  }
  return colours;
}

TEST(PostEffects, ColourDegradeLeavesAtMost256Colours) {
  EXPECT_LE(colours_of(colour_degrade(wave_frame(160, 120), 100)).size(), 256u);
}

TEST(PostEffects, ColourDegradeStaysNear) {
  const cv::Mat frame = wave_frame(160, 120);
  EXPECT_LT(cv::norm(colour_degrade(frame, 100), frame, cv::NORM_INF), 40);
}

TEST(PostEffects, ColourDegradeOfPowerZeroChangesNothing) {
  const cv::Mat frame = wave_frame(160, 120);
  EXPECT_EQ(cv::norm(colour_degrade(frame, 0), frame, cv::NORM_INF), 0);
}

TEST(PostEffects, FewColoursStayAsTheyAre) {
  cv::Mat frame(8, 8, CV_8UC3, cv::Scalar(10, 20, 30));
  frame.at<cv::Vec3b>(2, 2) = {200, 100, 50};
  EXPECT_EQ(cv::norm(colour_degrade(frame, 100), frame, cv::NORM_INF), 0);
}

TEST(PostEffects, MotionIsMeasuredInTheCrop) {
  MergeOptions options;
  options.motion_blur_power = 50;
  EXPECT_EQ(motion_length({40, 0}, 0.25, options), 6);
}

TEST(PostEffects, ParityMeasuresMotionInTheFrame) {
  MergeOptions options;
  options.motion_blur_power = 50;
  options.parity_dfl = true;
  EXPECT_EQ(motion_length({40, 0}, 0.25, options), 21);
}

}  // namespace
}  // namespace diptych
