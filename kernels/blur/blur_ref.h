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

}  // namespace diptych
