// style_stats in double: plain loops over one sample's channel.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "kernels/common/shape.h"
#include "tests/support/compare.h"

namespace diptych::ref {

// (N,2C): means, then deviations.
inline RefTensor style_stats(const Shape& shape, const std::vector<double>& x) {
  const int64_t n_count = shape[0], pixels = shape[1] * shape[2], c_count = shape[3];
  RefTensor y;
  y.value.assign(static_cast<size_t>(n_count * 2 * c_count), 0);
  y.magnitude = y.value;
  for (int64_t n = 0; n < n_count; ++n)
    for (int64_t c = 0; c < c_count; ++c) {
      const auto at = [&](int64_t p) {
        return x[static_cast<size_t>((n * pixels + p) * c_count + c)];
      };
      double mean = 0, size = 0, variance = 0;
      for (int64_t p = 0; p < pixels; ++p) {
        mean += at(p) / static_cast<double>(pixels);
        size += std::abs(at(p)) / static_cast<double>(pixels);
      }
      for (int64_t p = 0; p < pixels; ++p)
        variance += (at(p) - mean) * (at(p) - mean) / static_cast<double>(pixels);
      const auto i = static_cast<size_t>(n * 2 * c_count + c);
      const auto j = i + static_cast<size_t>(c_count);
      y.value[i] = mean;
      y.magnitude[i] = size;
      y.value[j] = y.magnitude[j] = std::sqrt(variance + 1e-5);
    }
  return y;
}

inline RefTensor style_stats_backward(const Shape& shape,
                                      const std::vector<double>& x,
                                      const std::vector<double>& dstats) {
  const int64_t pixels = shape[1] * shape[2], c_count = shape[3];
  const std::vector<double> stats = style_stats(shape, x).value;
  RefTensor dx;
  dx.value.assign(x.size(), 0);
  dx.magnitude = dx.value;
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t n = static_cast<int64_t>(i) / (pixels * c_count),
                  c = static_cast<int64_t>(i) % c_count;
    const auto mu = static_cast<size_t>(n * 2 * c_count + c),
               sd = mu + static_cast<size_t>(c_count);
    const auto count = static_cast<double>(pixels);
    const double slope = dstats[sd] / (count * stats[sd]);
    dx.value[i] = dstats[mu] / count + slope * (x[i] - stats[mu]);
    dx.magnitude[i] =
        std::abs(dstats[mu]) / count + std::abs(slope) * (std::abs(x[i]) + std::abs(stats[mu]));
  }
  return dx;
}

}  // namespace diptych::ref
