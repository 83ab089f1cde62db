// x_cos_x in double.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

namespace diptych {

inline double x_cos_x_ref(double x) {
  return x * std::cos(x);
}

inline double x_cos_x_ref_backward(double x, double dy) {
  return dy * (std::cos(x) - x * std::sin(x));
}

}  // namespace diptych
