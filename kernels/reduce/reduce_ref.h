// reduce in double, element by element.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "tests/support/compare.h"

namespace diptych {

// sum / divisor of each row
inline RefTensor sum_rows_ref(const std::vector<double>& x, size_t rows, double divisor) {
  RefTensor y{std::vector<double>(rows, 0.0), std::vector<double>(rows, 0.0)};
  const size_t length = x.size() / rows;
  for (size_t i = 0; i < x.size(); ++i) {
    y.value[i / length] += x[i] / divisor;
    y.magnitude[i / length] += std::abs(x[i] / divisor);
  }
  return y;
}

inline RefTensor max_abs_rows_ref(const std::vector<double>& x, size_t rows) {
  RefTensor y{std::vector<double>(rows, 0.0), std::vector<double>(rows, 0.0)};
  const size_t length = x.size() / rows;
  for (size_t i = 0; i < x.size(); ++i)
    if (std::abs(x[i]) > y.value[i / length]) y.value[i / length] = std::abs(x[i]);
  return y;
}

inline double sum_of_squares_ref(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return sum;
}

}  // namespace diptych
