// depth_to_space in plain loops, from the index rule.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

namespace diptych {

// x (n,h,w,c) -> (n,2h,2w,c/4)
inline std::vector<double> depth_to_space_ref(
    const std::vector<double>& x, int64_t n, int64_t h, int64_t w, int64_t c) {
  const int64_t out = c / 4;
  std::vector<double> y(x.size());
  for (int64_t b = 0; b < n; ++b)
    for (int64_t row = 0; row < 2 * h; ++row)
      for (int64_t column = 0; column < 2 * w; ++column)
        for (int64_t k = 0; k < out; ++k) {
          const int64_t channel = (2 * (row % 2) + column % 2) * out + k;
          y[static_cast<size_t>(((b * 2 * h + row) * 2 * w + column) * out + k)] =
              x[static_cast<size_t>(((b * h + row / 2) * w + column / 2) * c + channel)];
        }
  return y;
}

}  // namespace diptych
