// pixel_norm of one sample in double.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

namespace diptych {

inline double pixel_norm_ref_inverse(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return 1.0 / std::sqrt(sum / static_cast<double>(x.size()) + 1e-6);
}

inline std::vector<double> pixel_norm_ref(const std::vector<double>& x) {
  const double r = pixel_norm_ref_inverse(x);
  std::vector<double> y;
  for (const double v : x) y.push_back(v * r);
  return y;
}

// value, and the sum of the absolute terms of each element in `magnitude`
inline std::vector<double> pixel_norm_ref_backward(const std::vector<double>& x,
                                                   const std::vector<double>& dy,
                                                   std::vector<double>* magnitude) {
  const double r = pixel_norm_ref_inverse(x), n = static_cast<double>(x.size());
  double mean = 0, mean_magnitude = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean += dy[i] * x[i] / n;
    mean_magnitude += std::abs(dy[i] * x[i]) / n;
  }
  std::vector<double> dx;
  for (size_t i = 0; i < x.size(); ++i) {
    dx.push_back(r * dy[i] - x[i] * r * r * r * mean);
    if (magnitude)
      magnitude->push_back(std::abs(r * dy[i]) + std::abs(x[i]) * r * r * r * mean_magnitude);
  }
  return dx;
}

}  // namespace diptych
