// The random geometry that all pictures and masks of one sample share (spec samples.md 2).
// Coordinates: x right, y down, pixel centres at integers; w is the side of the picture.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/sample/random_source.h"

namespace diptych {

struct GeometryRange {
  double rotation_degrees = 10;                 // +-
  double scale_low = -0.15, scale_high = 0.15;  // s0, s1: scale in [1/(1 - s0), 1 + s1]
  double shift = 0.05;                          // +- fraction of w
  bool flip = false;                            // mirror with probability 0.4
};

struct Geometry {
  double rotation_degrees = 0;      // counter-clockwise
  double scale = 1;                 // > 1 enlarges
  double shift_x = 0, shift_y = 0;  // fraction of w
  bool flip = false;                // mirror columns after everything else
};

// Draws in the order of samples.md 2: rotation, scale, x, y, then the flip when it is enabled.
Geometry draw_geometry(RandomSource& random, const GeometryRange& range);

// Input -> output, without the flip. Turns and scales about the middle of the picture, (w-1)/2; the
// original (parity_dfl) takes w div 2, half a pixel off.
cv::Matx23d affine_matrix(const Geometry& geometry, int w, bool parity_dfl = false);

}  // namespace diptych
