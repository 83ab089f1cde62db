// adam of one weight in double, with the scale of the rounding errors of an f32 evaluation.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

namespace diptych {

struct AdamRef {
  double w = 0, m = 0, v = 0;
  // First-order: an error of e * magnitude in each intermediate moves the result by about this.
  double w_magnitude = 0, m_magnitude = 0;
};

struct AdamRefRates {
  double learning_rate = 5e-5, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  int t = 1;  // number of this step, from 1
};

inline AdamRef adam_ref(const AdamRefRates& r, double g, double w, double m, double v, bool keep) {
  AdamRef y;
  y.m = r.beta1 * m + (1 - r.beta1) * g;
  y.m_magnitude = std::abs(r.beta1 * m) + std::abs((1 - r.beta1) * g);
  y.v = r.beta2 * v + (1 - r.beta2) * g * g;
  double power1 = 1, power2 = 1;
  for (int i = 0; i < r.t; ++i) {
    power1 *= r.beta1;
    power2 *= r.beta2;
  }
  const double below = std::sqrt(y.v / (1 - power2)) + r.epsilon;
  const double rate = r.learning_rate / (1 - power1);
  y.w = keep ? w - rate * y.m / below : w;
  y.w_magnitude = std::abs(w) + (keep ? rate * y.m_magnitude / below : 0);
  return y;
}

}  // namespace diptych
