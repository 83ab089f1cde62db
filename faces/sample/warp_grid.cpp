// The random grid warp of a sample.
// SPDX-License-Identifier: MIT
#include "faces/sample/warp_grid.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr double kNoiseCut = 2.5;   // deviations
constexpr double kStrength = 0.24;  // of a cell, per block of noise

// Normal within +-2.5 deviations, scaled to +-1.
double cut_normal(RandomSource& random) {
  double value = random.normal();
  while (!(std::abs(value) <= kNoiseCut)) value = random.normal();
  return value / kNoiseCut;
}

}  // namespace

WarpGrid draw_warp_grid(RandomSource& random, int w, bool parity_dfl) {
  DIPTYCH_CHECK(w >= 16, "draw_warp_grid: a picture of ", w, " pixels; at least 16 are needed");
  WarpGrid grid;
  grid.w = w;
  grid.cell = w / (2 << random.below(3));
  grid.n = w / grid.cell + 1;
  const int n = grid.n;
  grid.dx.assign(static_cast<size_t>(n * n), 0);
  grid.dy.assign(static_cast<size_t>(n * n), 0);
  const auto at = [n](int i, int j) { return static_cast<size_t>(i * n + j); };
  const auto add_block = [&](double strength, auto&& target) {
    for (int i = 1; i < n - 1; ++i) {
      for (int j = 1; j < n - 1; ++j)
        target(i, j, static_cast<float>(strength * cut_normal(random)));
    }
  };
  if (parity_dfl) {
    const double strength = kStrength * grid.cell;
    add_block(strength, [&](int i, int j, float v) { grid.dx[at(i, j)] += v; });
    add_block(strength, [&](int i, int j, float v) { grid.dx[at(j, i)] += v; });
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) grid.dy[at(i, j)] = grid.dx[at(j, i)];
    }
  } else {
    const double strength = kStrength * std::numbers::sqrt2 * grid.cell;
    add_block(strength, [&](int i, int j, float v) { grid.dx[at(i, j)] = v; });
    add_block(strength, [&](int i, int j, float v) { grid.dy[at(i, j)] = v; });
  }
  return grid;
}

cv::Point2f warp_position(const WarpGrid& grid, float x, float y) {
  const int n = grid.n;
  const float per_pixel = static_cast<float>(n - 1) / static_cast<float>(grid.w);
  const float last = static_cast<float>(n - 1);
  const float u = std::clamp((x + 0.5f) * per_pixel, 0.0f, last);
  const float v = std::clamp((y + 0.5f) * per_pixel, 0.0f, last);
  const int j = std::min(static_cast<int>(u), n - 2);
  const int i = std::min(static_cast<int>(v), n - 2);
  const float s = u - static_cast<float>(j), t = v - static_cast<float>(i);
  const auto blend = [&](const std::vector<float>& node) {
    const float* top = node.data() + i * n + j;
    const float* bottom = top + n;
    const float upper = top[0] + s * (top[1] - top[0]);
    const float lower = bottom[0] + s * (bottom[1] - bottom[0]);
    return upper + t * (lower - upper);
  };
  return {x + blend(grid.dx), y + blend(grid.dy)};
}

WarpMaps warp_maps_parity(const WarpGrid& grid) {
  const int n = grid.n, side = grid.w + grid.cell, cut = grid.cell / 2;
  cv::Mat x(n, n, CV_32FC1), y(n, n, CV_32FC1);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      const double step = static_cast<double>(grid.w) / (n - 1);
      const auto k = static_cast<size_t>(i * n + j);
      x.at<float>(i, j) = static_cast<float>(j * step + grid.dx[k]);
      y.at<float>(i, j) = static_cast<float>(i * step + grid.dy[k]);
    }
  }
  WarpMaps maps;
  cv::resize(x, maps.x, {side, side}, 0, 0, cv::INTER_LINEAR);
  cv::resize(y, maps.y, {side, side}, 0, 0, cv::INTER_LINEAR);
  const cv::Rect inner(cut, cut, grid.w, grid.w);
  maps.x = maps.x(inner).clone();
  maps.y = maps.y(inner).clone();
  return maps;
}

}  // namespace diptych
