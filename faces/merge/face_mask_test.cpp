// Shaping of face masks: the elliptic element, erosion, dilation, blur, projection.
// SPDX-License-Identifier: MIT
#include "faces/merge/face_mask.h"

#include <cmath>

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "faces/merge/test_scene.h"
#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {
namespace {

// What dilating one bright pixel leaves: the element itself, mirrored through its anchor.
std::vector<std::string> footprint(int size, bool parity) {
  cv::Mat dot = cv::Mat::zeros(21, 21, CV_32F);
  dot.at<float>(10, 10) = 1;
  const cv::Mat out = erode_mask(dot, -size, parity);
  const cv::Rect box = bounds_of(out, 0.5f);
  std::vector<std::string> rows;
  for (int y = box.y; y < box.br().y; ++y) {
    rows.emplace_back();
    for (int x = box.x; x < box.br().x; ++x) rows.back() += out.at<float>(y, x) > 0.5f ? '1' : '0';
  }
  return rows;
}

cv::Mat random_mask(int size, uint64_t seed) {
  Rng rng(seed, 0, 0);
  cv::Mat mask(size, size, CV_32F);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) mask.at<float>(y, x) = rng.uniform();
  }
  return mask;
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  const double d = cv::norm(a, b, cv::NORM_INF);
  return std::isfinite(d) ? d : 1e30;
}

// Means of the pixels' coordinates weighted by the mask.
cv::Point2d centroid(const cv::Mat& mask) {
  const cv::Moments m = cv::moments(mask);
  return {m.m10 / m.m00, m.m01 / m.m00};
}

using Rows = std::vector<std::string>;

TEST(FaceMask, EllipseOfThreeIsACross) {
  EXPECT_EQ(footprint(3, false), (Rows{"010", "111", "010"}));
}

TEST(FaceMask, EllipseOfFive) {
  EXPECT_EQ(footprint(5, false), (Rows{"00100", "11111", "11111", "11111", "00100"}));
}

TEST(FaceMask, EllipseOfSeven) {
  EXPECT_EQ(footprint(7, false),
            (Rows{"0001000", "0111110", "1111111", "1111111", "1111111", "0111110", "0001000"}));
}

TEST(FaceMask, EvenSizesAreSymmetricByDefault) {
  EXPECT_EQ(footprint(4, false), footprint(5, false));
}

// OpenCV dilates with the element as given, so the dot spreads to the mirrored element: the vector
// of spec merge.md 4.2 (0010 1111 1111 1111) turned by half a turn.
TEST(FaceMask, ParityKeepsTheEvenElement) {
  EXPECT_EQ(footprint(4, true), (Rows{"1111", "1111", "1111", "0100"}));
}

TEST(FaceMask, SizeOneChangesNothing) {
  const cv::Mat mask = random_mask(9, 1);
  EXPECT_EQ(largest_difference(erode_mask(mask, 1), mask), 0);
}

class OddSizes : public ::testing::TestWithParam<int> {};

TEST_P(OddSizes, ErosionEqualsOpenCvs) {
  const cv::Mat mask = random_mask(130, 2);
  const cv::Mat element =
      cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(GetParam(), GetParam()));
  cv::Mat want;
  cv::erode(mask, want, element, cv::Point(-1, -1), 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  EXPECT_EQ(largest_difference(erode_mask(mask, GetParam()), want), 0);
}

TEST_P(OddSizes, DilationEqualsOpenCvs) {
  const cv::Mat mask = random_mask(130, 3);
  const cv::Mat element =
      cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(GetParam(), GetParam()));
  cv::Mat want;
  cv::dilate(mask, want, element, cv::Point(-1, -1), 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  EXPECT_EQ(largest_difference(erode_mask(mask, -GetParam()), want), 0);
}

INSTANTIATE_TEST_SUITE_P(FaceMask, OddSizes, ::testing::Values(1, 3, 5, 7, 17, 39, 85));

// Spec merge.md 4.2, step 3, on the padded square of 6R.
TEST(FaceMask, ShapingEqualsThePaddedRecipe) {
  const int r = 16, q = 4 * r, erode = 9, blur = 14;
  const cv::Mat mask = random_mask(q, 4);
  cv::Mat padded, want;
  cv::copyMakeBorder(mask, padded, r, r, r, r, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::threshold(padded, padded, 1.0 / 255, 0, cv::THRESH_TOZERO);
  cv::erode(padded, padded, cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(erode, erode)));
  const int border = r + blur / 2;
  cv::Mat inner = cv::Mat::zeros(padded.size(), CV_32F);
  const cv::Rect kept(border, border, padded.cols - 2 * border, padded.rows - 2 * border);
  padded(kept).copyTo(inner(kept));
  cv::GaussianBlur(inner, inner, cv::Size(blur + 1, blur + 1), 0);
  want = inner(cv::Rect(r, r, q, q));
  EXPECT_LE(largest_difference(shape_mask(mask, q, erode, blur), want), 1e-6);
}

TEST(FaceMask, BlurFadesToNothingAtTheEdge) {
  const cv::Mat out = blur_mask(cv::Mat(64, 64, CV_32F, cv::Scalar(1)), 20);
  EXPECT_LT(out.at<float>(32, 0), 0.01f);
}

TEST(FaceMask, BlurWiderThanTheMaskLeavesNothing) {
  EXPECT_EQ(cv::countNonZero(blur_mask(cv::Mat(64, 64, CV_32F, cv::Scalar(1)), 400)), 0);
}

TEST(FaceMask, FaintValuesAreDropped) {
  EXPECT_EQ(cv::countNonZero(shape_mask(cv::Mat(8, 8, CV_32F, cv::Scalar(0.0039)), 32, 0, 0)), 0);
}

TEST(FaceMask, WrongMaskIsAnError) {
  EXPECT_THROW(shape_mask(cv::Mat(8, 9, CV_32F, cv::Scalar(1)), 32, 0, 0), Error);
}

// A disc in the middle of the network's grid; coordinate (R-1)/2 is its centre, because pixel i
// lies at coordinate i.
cv::Mat projected_disc(bool parity, const cv::Matx23d& matrix, int r, const cv::Rect& roi) {
  cv::Mat mask = cv::Mat::zeros(r, r, CV_32F);
  cv::circle(mask, cv::Point(r / 2, r / 2), r / 4, cv::Scalar(1), cv::FILLED);
  return mask_in_frame(shape_mask(mask, 4 * r, 0, 0, parity), matrix, r, roi, parity);
}

TEST(FaceMask, LandsWhereTheNetworkSawIt) {
  const int r = 64;
  const cv::Matx23d matrix(0.5, 0, -10, 0, 0.5, -5);
  const cv::Point2d want = transform(invert(matrix), cv::Point2d(r / 2, r / 2));
  const cv::Point2d got = centroid(projected_disc(false, matrix, r, {0, 0, 200, 200}));
  EXPECT_LT(cv::norm(got - want), 0.05) << got << " instead of " << want;
}

// merge.md 12: 0.375 model pixels to the right and down.
TEST(FaceMask, ParityShiftsByThreeEighths) {
  const int r = 64;
  const cv::Matx23d matrix(0.5, 0, -10, 0, 0.5, -5);
  const cv::Point2d shift = centroid(projected_disc(true, matrix, r, {0, 0, 200, 200})) -
                            centroid(projected_disc(false, matrix, r, {0, 0, 200, 200}));
  EXPECT_LT(cv::norm(shift - cv::Point2d(0.75, 0.75)), 0.05) << shift;
}

TEST(FaceMask, ReducedMaskLandsInTheSamePlace) {
  const int r = 64;
  const cv::Matx23d matrix(3.7, 0, -30, 0, 3.7, -20);
  const cv::Point2d want = transform(invert(matrix), cv::Point2d(r / 2, r / 2));
  const cv::Point2d got = centroid(projected_disc(false, matrix, r, {0, 0, 40, 40}));
  EXPECT_LT(cv::norm(got - want), 0.05) << got << " instead of " << want;
}

TEST(FaceMask, BoundsAreTight) {
  cv::Mat mask = cv::Mat::zeros(10, 12, CV_32F);
  mask.at<float>(3, 4) = mask.at<float>(7, 2) = 0.5f;
  EXPECT_EQ(bounds_of(mask, 0.5f), cv::Rect(2, 3, 3, 5));
}

TEST(FaceMask, BoundsOfNothingAreEmpty) {
  EXPECT_TRUE(bounds_of(cv::Mat::zeros(5, 5, CV_32F), 0.1f).empty());
}

}  // namespace
}  // namespace diptych
