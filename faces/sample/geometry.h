// The random geometry that all pictures and masks of one sample share (spec samples.md 2).
// Coordinates: x right, y down, pixel centres at integers; w is the side of the picture.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/sample/random_source.h"
#include "kernels/image_warp/warp_draws.h"

namespace diptych {

using warp::Geometry;
using warp::GeometryRange;

// Draws in the order of samples.md 2: rotation, scale, x, y, then the flip when it is enabled.
Geometry draw_geometry(RandomSource& random, const GeometryRange& range);

// Input -> output, without the flip. Turns and scales about the middle of the picture, (w-1)/2; the
// original (parity_dfl) takes w div 2, half a pixel off.
cv::Matx23d affine_matrix(const Geometry& geometry, int w, bool parity_dfl = false);

}  // namespace diptych
