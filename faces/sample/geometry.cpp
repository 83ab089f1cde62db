// The random geometry of a sample.
// SPDX-License-Identifier: MIT
#include "faces/sample/geometry.h"

#include <cmath>
#include <numbers>

namespace diptych {

Geometry draw_geometry(RandomSource& random, const GeometryRange& range) {
  Geometry g;
  g.rotation_degrees = random.uniform(-range.rotation_degrees, range.rotation_degrees);
  g.scale = random.uniform(1 / (1 - range.scale_low), 1 + range.scale_high);
  g.shift_x = random.uniform(-range.shift, range.shift);
  g.shift_y = random.uniform(-range.shift, range.shift);
  g.flip = range.flip && random.below(10) < 4;
  return g;
}

cv::Matx23d affine_matrix(const Geometry& geometry, int w, bool parity_dfl) {
  const double centre = parity_dfl ? w / 2 : 0.5 * (w - 1);
  const double angle = geometry.rotation_degrees * std::numbers::pi / 180;
  const double a = geometry.scale * std::cos(angle), b = geometry.scale * std::sin(angle);
  return {a,  b, (1 - a) * centre - b * centre + geometry.shift_x * w,
          -b, a, b * centre + (1 - a) * centre + geometry.shift_y * w};
}

}  // namespace diptych
