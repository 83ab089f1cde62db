// Loss curves: ticks, smoothing, and that something is drawn where it belongs.
// SPDX-License-Identifier: MIT
#include "apps/pictures/plot.h"

#include <cmath>

#include <gtest/gtest.h>

namespace diptych {
namespace {

std::vector<LossPoint> falling(int n) {
  std::vector<LossPoint> history;
  for (int i = 1; i <= n; ++i)
    history.push_back({i, 1.0f / static_cast<float>(i), 2.0f / static_cast<float>(i)});
  return history;
}

int count_colour(const cv::Mat& picture, const cv::Vec3b& colour) {
  int count = 0;
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) count += picture.at<cv::Vec3b>(y, x) == colour ? 1 : 0;
  }
  return count;
}

TEST(Plot, DrawsBothCurves) {
  const cv::Mat picture = plot_losses(falling(300), "run main");
  EXPECT_EQ(picture.size(), cv::Size(1000, 560));
  EXPECT_GT(count_colour(picture, {178, 114, 0}), 100);
  EXPECT_GT(count_colour(picture, {0, 94, 213}), 100);
}

TEST(Plot, EmptyHistoryStillHasAxes) {
  const cv::Mat picture = plot_losses({}, "");
  EXPECT_GT(count_colour(picture, {60, 60, 60}), 500);
}

TEST(Plot, ValuesThatAreNotFiniteLeaveTheRest) {
  auto history = falling(50);
  history[10].src = NAN;
  history[20].dst = INFINITY;
  EXPECT_GT(count_colour(plot_losses(history, ""), {178, 114, 0}), 100);
}

TEST(Plot, TicksAreRoundAndCoverTheRange) {
  EXPECT_EQ(axis_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  const auto ticks = axis_ticks(0.3, 1.7, 4);
  ASSERT_GE(ticks.size(), 2u);
  EXPECT_NEAR(ticks[0], 0.5, 1e-12);
}

TEST(Plot, SmoothingKeepsAConstant) {
  const std::vector<float> values(500, 3.0f);
  for (const float v : smooth(values)) EXPECT_EQ(v, 3.0f);
}

TEST(Plot, SmoothingSkipsWhatIsNotFinite) {
  std::vector<float> values(500, 3.0f);
  values[100] = NAN;
  EXPECT_EQ(smooth(values)[100], 3.0f);
}

}  // namespace
}  // namespace diptych
