// rmsprop of one weight in double, with the scale of the rounding errors of an f32 evaluation.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

namespace diptych {

struct RmsPropRef {
  double w = 0, v = 0;
  double w_magnitude = 0;  // v is a sum of positive terms: its own magnitude
};

inline RmsPropRef rmsprop_ref(
    double learning_rate, double rho, double epsilon, double g, double w, double v, bool keep) {
  RmsPropRef y;
  y.v = rho * v + (1 - rho) * g * g;
  const double change = learning_rate * g / (std::sqrt(y.v) + epsilon);
  y.w = keep ? w - change : w;
  y.w_magnitude = std::abs(w) + (keep ? std::abs(change) : 0.0);
  return y;
}

}  // namespace diptych
