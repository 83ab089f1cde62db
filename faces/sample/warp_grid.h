// The random grid warp of a sample (spec samples.md 4): a coarse grid of moved nodes, interpolated
// to a place in the source for every pixel. Outer nodes stay.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <opencv2/core.hpp>

#include "faces/sample/random_source.h"

namespace diptych {

// Displacements of the nodes in pixels. n nodes a side: 3, 5 or 9 when w is a multiple of 8.
struct WarpGrid {
  int w = 0;              // side of the picture
  int cell = 0;           // w div 2, 4 or 8
  int n = 0;              // w div cell + 1
  std::vector<float> dx;  // (n,n) row, column
  std::vector<float> dy;  // (n,n)
};

// Draws the cell size, then the noise of the inner nodes: first a block for x, then one for y, each
// a normal cut at 2.5 deviations.
//
// The original adds both blocks to both axes (its y nodes are a transposed view of the x nodes), so
// that dy is the transpose of dx: parity_dfl. The default keeps the axes independent and the
// strength that this gives: deviation 0.130 cells, where the original's largest shift is 0.48
// cells and ours 0.34. w >= 16.
WarpGrid draw_warp_grid(RandomSource& random, int w, bool parity_dfl = false);

// Place in the source of the position (x, y) of the result, which may lie outside the picture: the
// outer nodes sit on its border, -0.5 and w - 0.5, and beyond them nothing moves. Zero displacement
// gives the position itself.
cv::Point2f warp_position(const WarpGrid& grid, float x, float y);

// The original's dense maps (w,w) CV_32FC1 of x and y, with its half pixel: zero displacement gives
// x + 0.5, y + 0.5.
struct WarpMaps {
  cv::Mat x, y;
};

WarpMaps warp_maps_parity(const WarpGrid& grid);

}  // namespace diptych
