// The random grid warp of a sample.
// SPDX-License-Identifier: MIT
#include "faces/sample/warp_grid.h"

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"
#include "kernels/image_warp/warp_draws.h"
#include "kernels/image_warp/warp_position.h"

namespace diptych {

WarpGrid draw_warp_grid(RandomSource& random, int w, bool parity_dfl) {
  DIPTYCH_CHECK(w >= 16, "draw_warp_grid: a picture of ", w, " pixels; at least 16 are needed");
  WarpGrid grid;
  grid.w = w;
  grid.cell = warp::draw_cell(random, w);
  grid.n = warp::nodes_of(w, grid.cell);
  const int n = grid.n;
  grid.dx.assign(static_cast<size_t>(n * n), 0);
  grid.dy.assign(static_cast<size_t>(n * n), 0);
  if (!parity_dfl) {
    warp::draw_nodes(random, grid.cell, n, grid.dx.data(), grid.dy.data());
    return grid;
  }
  const auto at = [n](int i, int j) { return static_cast<size_t>(i * n + j); };
  const auto add_block = [&](auto&& target) {
    for (int i = 1; i < n - 1; ++i) {
      for (int j = 1; j < n - 1; ++j)
        target(i, j) += static_cast<float>(warp::kStrength * grid.cell * warp::cut_normal(random));
    }
  };
  add_block([&](int i, int j) -> float& { return grid.dx[at(i, j)]; });
  add_block([&](int i, int j) -> float& { return grid.dx[at(j, i)]; });
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) grid.dy[at(i, j)] = grid.dx[at(j, i)];
  }
  return grid;
}

cv::Point2f warp_position(const WarpGrid& grid, float x, float y) {
  const float per_pixel = static_cast<float>(grid.n - 1) / static_cast<float>(grid.w);
  const warp::Position p =
      warp::warped_position(grid.dx.data(), grid.dy.data(), grid.n, per_pixel, {x, y});
  return {p.x, p.y};
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
