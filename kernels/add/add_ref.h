// add in double.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "tests/support/compare.h"

namespace diptych {

// alpha * a + beta * b, b may be empty
inline RefTensor add_ref(double alpha,
                         const std::vector<double>& a,
                         double beta,
                         const std::vector<double>& b) {
  RefTensor y;
  for (size_t i = 0; i < a.size(); ++i) {
    const double other = b.empty() ? 0.0 : beta * b[i];
    y.value.push_back(alpha * a[i] + other);
    y.magnitude.push_back(std::abs(alpha * a[i]) + std::abs(other));
  }
  return y;
}

}  // namespace diptych
