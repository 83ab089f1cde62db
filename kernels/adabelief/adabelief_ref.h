// adabelief of one weight in double, with the scale of the rounding errors of an f32 evaluation.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

namespace diptych {

struct AdaBeliefRef {
  double w = 0, m = 0, v = 0;
  // First-order: an error of e * magnitude in each intermediate moves the result by about this.
  double w_magnitude = 0, m_magnitude = 0, v_magnitude = 0;
};

struct AdaBeliefRefRates {
  double learning_rate = 5e-5, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6;
};

inline AdaBeliefRef adabelief_ref(
    const AdaBeliefRefRates& r, double g, double w, double m, double v, bool keep) {
  AdaBeliefRef y;
  y.m = r.beta1 * m + (1 - r.beta1) * g;
  y.m_magnitude = std::abs(r.beta1 * m) + std::abs((1 - r.beta1) * g);
  y.v = r.beta2 * v + (1 - r.beta2) * (g - y.m) * (g - y.m);
  const double d = std::abs(g) + y.m_magnitude;
  y.v_magnitude = r.beta2 * v + (1 - r.beta2) * d * d;
  const double root = std::sqrt(y.v), below = root + r.epsilon;
  y.w = keep ? w - r.learning_rate * y.m / below : w;
  y.w_magnitude = std::abs(w);
  if (keep) {
    y.w_magnitude += r.learning_rate * (y.m_magnitude / below +
                                        std::abs(y.m) * y.v_magnitude / (2 * root * below * below) +
                                        std::abs(y.m) / below);
  }
  return y;
}

}  // namespace diptych
