// sigmoid in double.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

namespace diptych {

inline double sigmoid_ref(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

inline double sigmoid_ref_backward(double y, double dy) {
  return dy * y * (1.0 - y);
}

}  // namespace diptych
