// adabelief in double: the oracle.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

namespace diptych {

struct AdaBeliefRef {
  double w = 0, m = 0, v = 0;

  void step(double g, double rate, double beta1, double beta2, double epsilon, double keep = 1) {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * (g - m) * (g - m);
    w = w - keep * rate * m / (std::sqrt(v) + epsilon);
  }
};

}  // namespace diptych
