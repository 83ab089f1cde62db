// The pixel losses in double, element by element.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "tests/support/compare.h"

namespace diptych {

// One loss per sample and the gradient of each loss with respect to its own sample.
struct PixelLossRef {
  RefTensor loss, gradient;
};

// mask: one value per pixel of `channels` elements, or empty. power 1 or 2.
inline PixelLossRef pixel_error_ref(const std::vector<double>& t,
                                    const std::vector<double>& p,
                                    const std::vector<double>& mask,
                                    size_t samples,
                                    size_t channels,
                                    int power) {
  PixelLossRef r;
  r.loss = {std::vector<double>(samples), std::vector<double>(samples)};
  const size_t length = t.size() / samples;
  for (size_t i = 0; i < t.size(); ++i) {
    const double m = mask.empty() ? 1.0 : mask[i / channels];
    const double d = m * p[i] - m * t[i], size = std::abs(m * p[i]) + std::abs(m * t[i]);
    const double count = static_cast<double>(length);
    const double sign = d > 0 ? 1 : (d < 0 ? -1 : 0);
    r.loss.value[i / length] += (power == 2 ? d * d : std::abs(d)) / count;
    r.loss.magnitude[i / length] += (power == 2 ? 2 * std::abs(d) * size : size) / count;
    r.gradient.value.push_back((power == 2 ? 2 * m * d : m * sign) / count);
    r.gradient.magnitude.push_back((power == 2 ? 2 * std::abs(m) * size : std::abs(m)) / count);
  }
  return r;
}

inline PixelLossRef bce_ref(const std::vector<double>& z,
                            const std::vector<double>& q,
                            size_t samples) {
  PixelLossRef r;
  r.loss = {std::vector<double>(samples), std::vector<double>(samples)};
  const size_t length = z.size() / samples;
  for (size_t i = 0; i < z.size(); ++i) {
    const double count = static_cast<double>(length);
    const double p = 1 / (1 + std::exp(-z[i]));
    // -q log p - (1-q) log(1-p), with 1-p written so that it does not vanish
    const double value = -q[i] * std::log(p) - (1 - q[i]) * std::log(1 / (1 + std::exp(z[i])));
    r.loss.value[i / length] += value / count;
    r.loss.magnitude[i / length] += std::abs(value) / count;
    r.gradient.value.push_back((p - q[i]) / count);
    r.gradient.magnitude.push_back((p + q[i]) / count);
  }
  return r;
}

// columns: joins columns; otherwise channels. Rows always.
inline PixelLossRef total_variation_ref(const std::vector<double>& x,
                                        const Shape& s,
                                        bool columns) {
  PixelLossRef r;
  const auto samples = static_cast<size_t>(s[0]);
  r.loss = {std::vector<double>(samples), std::vector<double>(samples)};
  r.gradient = {std::vector<double>(x.size()), std::vector<double>(x.size())};
  const auto at = [&](int64_t n, int64_t h, int64_t w, int64_t c) {
    return static_cast<size_t>(((n * s[1] + h) * s[2] + w) * s[3] + c);
  };
  const auto join = [&](size_t n, size_t a, size_t b) {
    const double d = x[a] - x[b], size = std::abs(x[a]) + std::abs(x[b]);
    r.loss.value[n] += d * d;
    r.loss.magnitude[n] += 2 * std::abs(d) * size;
    r.gradient.value[a] += 2 * d;
    r.gradient.value[b] -= 2 * d;
    r.gradient.magnitude[a] += 2 * size;
    r.gradient.magnitude[b] += 2 * size;
  };
  for (int64_t n = 0; n < s[0]; ++n)
    for (int64_t h = 0; h < s[1]; ++h)
      for (int64_t w = 0; w < s[2]; ++w)
        for (int64_t c = 0; c < s[3]; ++c) {
          const auto sample = static_cast<size_t>(n);
          if (h + 1 < s[1]) join(sample, at(n, h + 1, w, c), at(n, h, w, c));
          if (columns && w + 1 < s[2]) join(sample, at(n, h, w + 1, c), at(n, h, w, c));
          if (!columns && c + 1 < s[3]) join(sample, at(n, h, w, c + 1), at(n, h, w, c));
        }
  return r;
}

}  // namespace diptych
