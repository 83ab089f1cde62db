// blur in double: the 2-D kernel, applied pixel by pixel.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/compare.h"

namespace diptych {

inline RefTensor blur_ref(const std::vector<double>& x, const Shape& shape, double sigma) {
  int k = std::max(3, static_cast<int>(std::trunc(4 * sigma)));
  if (k % 2 == 0) k = k + 1;
  const int half = k / 2;
  std::vector<double> kernel;
  double sum = 0;
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < k; ++j) {
      const double d2 = (i - half) * (i - half) + (j - half) * (j - half);
      kernel.push_back(std::exp(-d2 / (2 * sigma * sigma)));
      sum += kernel.back();
    }
  }
  const int64_t height = shape[1], width = shape[2], channels = shape[3];
  RefTensor y;
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t h = 0; h < height; ++h)
      for (int64_t w = 0; w < width; ++w)
        for (int64_t c = 0; c < channels; ++c) {
          double value = 0, magnitude = 0;
          for (int i = 0; i < k; ++i)
            for (int j = 0; j < k; ++j) {
              const int64_t row = h + i - half, column = w + j - half;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              const double term =
                  kernel[static_cast<size_t>(i * k + j)] / sum *
                  x[static_cast<size_t>(((n * height + row) * width + column) * channels + c)];
              value += term;
              magnitude += std::abs(term);
            }
          y.value.push_back(value);
          y.magnitude.push_back(magnitude);
        }
  return y;
}

inline double soft_mask_ref(double blurred) {
  return 2 * std::clamp(blurred, 0.0, 0.5);
}

// G(1): how much of each window lies inside the picture.
inline std::vector<double> blur_ref_inside(const Shape& shape, double sigma) {
  return blur_ref(std::vector<double>(static_cast<size_t>(shape.numel()), 1.0), shape, sigma).value;
}

// The whole rule from its formula. t (N,H,W,3), m (N,H,W,1).
inline RefTensor blur_out_ref(const std::vector<double>& t,
                              const std::vector<double>& m,
                              const Shape& shape,
                              double sigma,
                              bool renormalised) {
  const Shape mask_shape{shape[0], shape[1], shape[2], 1};
  const auto channels = static_cast<size_t>(shape[3]);
  std::vector<double> outside(t.size());
  for (size_t i = 0; i < t.size(); ++i) outside[i] = t[i] * (1 - m[i / channels]);
  const RefTensor n = blur_ref(outside, shape, sigma), g = blur_ref(m, mask_shape, sigma);
  const std::vector<double> inside =
      renormalised ? blur_ref_inside(mask_shape, sigma) : std::vector<double>(m.size(), 1.0);
  RefTensor y;
  for (size_t i = 0; i < t.size(); ++i) {
    const size_t pixel = i / channels;
    const double d = inside[pixel] - g.value[pixel], share = d == 0 ? 1 : d;
    y.value.push_back(t[i] * m[pixel] + n.value[i] / share * (1 - m[pixel]));
    // D = I - G cancels: its error is that of I and of G.
    y.magnitude.push_back(std::abs(t[i]) +
                          n.magnitude[i] / std::abs(share) * (1 + 2 / std::abs(share)));
  }
  return y;
}

}  // namespace diptych
