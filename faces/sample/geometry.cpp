// The random geometry of a sample.
// SPDX-License-Identifier: MIT
#include "faces/sample/geometry.h"

namespace diptych {

Geometry draw_geometry(RandomSource& random, const GeometryRange& range) {
  return warp::draw_geometry(random, range);
}

cv::Matx23d affine_matrix(const Geometry& geometry, int w, bool parity_dfl) {
  double m[6];
  warp::affine_of(geometry, w, parity_dfl ? w / 2 : 0.5 * (w - 1), m);
  return cv::Matx23d(m);
}

}  // namespace diptych
