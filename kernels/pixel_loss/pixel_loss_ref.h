// pixel_loss in double: the oracle. One sample at a time, straight from the formulas.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace diptych {

using RefSample = std::vector<double>;

// mask holds one value per value of the sample.
inline double squared_error_ref(const RefSample& t, const RefSample& p, const RefSample& m) {
  double sum = 0;
  for (size_t i = 0; i < t.size(); ++i) sum += (m[i] * (t[i] - p[i])) * (m[i] * (t[i] - p[i]));
  return sum / static_cast<double>(t.size());
}

inline double absolute_error_ref(const RefSample& t, const RefSample& p, const RefSample& m) {
  double sum = 0;
  for (size_t i = 0; i < t.size(); ++i) sum += std::abs(m[i] * (t[i] - p[i]));
  return sum / static_cast<double>(t.size());
}

inline double bce_logits_ref(const RefSample& z, const RefSample& q) {
  double sum = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    const double p = 1.0 / (1.0 + std::exp(-z[i]));
    sum -= q[i] * std::log(p) + (1 - q[i]) * std::log(1 - p);
  }
  return sum / static_cast<double>(z.size());
}

// x (h,w,c); columns: neighbours along w, else along c.
inline double total_variation_ref(const RefSample& x, int h, int w, int c, bool columns) {
  const auto at = [&](int y, int px, int k) {
    return x[static_cast<size_t>((y * w + px) * c + k)];
  };
  double sum = 0;
  for (int y = 0; y < h; ++y) {
    for (int px = 0; px < w; ++px) {
      for (int k = 0; k < c; ++k) {
        if (y + 1 < h) sum += std::pow(at(y + 1, px, k) - at(y, px, k), 2);
        if (columns && px + 1 < w) sum += std::pow(at(y, px + 1, k) - at(y, px, k), 2);
        if (!columns && k + 1 < c) sum += std::pow(at(y, px, k + 1) - at(y, px, k), 2);
      }
    }
  }
  return sum;
}

}  // namespace diptych
