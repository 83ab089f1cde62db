// Dense layers shared by tests and benches: small cases, and layers of the models.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "kernels/gemm/gemm.h"

namespace diptych {

inline std::vector<DenseProblem> dense_small_cases() {
  return {{1, 1, 1},   {1, 16, 4},   {2, 17, 5},  {3, 31, 7},    {4, 64, 32},
          {5, 33, 61}, {7, 129, 12}, {8, 257, 3}, {8, 1025, 67}, {17, 48, 2049}};
}

struct DenseLayer {
  std::string name;
  DenseProblem problem;
};

// The dense layers of the same network (spec networks.md 4.5).
inline std::vector<DenseLayer> saehd_df_ud_128_dense(int batch) {
  return {{"dense1", {2 * batch, 32768, 256}}, {"dense2", {2 * batch, 256, 4096}}};
}

}  // namespace diptych
