// concat in plain code. The batch is the same line with one row per tensor.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

namespace diptych {

// rows x ca and rows x cb -> rows x (ca + cb)
inline std::vector<double> concat_ref(const std::vector<double>& a,
                                      int64_t ca,
                                      const std::vector<double>& b,
                                      int64_t cb,
                                      int64_t rows) {
  std::vector<double> y;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < ca; ++c) y.push_back(a[static_cast<size_t>(r * ca + c)]);
    for (int64_t c = 0; c < cb; ++c) y.push_back(b[static_cast<size_t>(r * cb + c)]);
  }
  return y;
}

}  // namespace diptych
