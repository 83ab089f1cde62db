// The deterministic weights and pictures of spec networks.md 11.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/saehd/layout.h"
#include "tensor/parameter.h"

namespace diptych {

// h(j,k)
inline double spec_hash(uint32_t j, uint32_t k) {
  uint32_t u = j * 2654435761u + k * 1013904223u + 1u;
  u ^= u >> 15;
  u *= 2246822519u;
  u ^= u >> 13;
  return u / 4294967296.0;
}

// Fills the parameters of one weight file, "FILE/...": keys sorted bytewise, values in file order.
// upconvs are transposed. `network`: for dense layers, whose features have another order in files.
inline void spec_fill(const ParameterList& list,
                      const std::string& file,
                      const SaehdConfig& network = {}) {
  std::map<std::string, NamedParameter> sorted;
  for (const NamedParameter& p : list) {
    if (p.name.rfind(file + "/", 0) == 0) sorted.emplace(p.name.substr(file.size() + 1) + ":0", p);
  }
  uint32_t k = 0;
  for (const auto& [key, p] : sorted) {
    const Shape ours = p.parameter->shape, shape = file_shape(p.name, ours);
    const bool transposed = key.find("upconv") != std::string::npos;
    double scale = 0.1;
    if (shape.rank() == 4) {
      const auto in = static_cast<double>(transposed ? shape[3] : shape[2]);
      scale = std::sqrt(3.0 / (static_cast<double>(shape[0] * shape[1]) * in));
    }
    if (shape.rank() == 2) scale = std::sqrt(3.0 / static_cast<double>(shape[0]));
    std::vector<float> values(static_cast<size_t>(shape.numel()));
    for (uint32_t j = 0; j < values.size(); ++j)
      values[j] = static_cast<float>((2.0 * spec_hash(j, k) - 1.0) * scale);
    p.parameter->set_values(Tensor::from(from_file_order(network, p.name, ours, values), ours));
    ++k;
  }
}

// h(j,1000) in (C,H,W) order, n times after each other, as (n,side,side,c).
inline Tensor spec_picture(int n, int c, int side) {
  const int64_t pixels = int64_t{side} * side;
  std::vector<float> values(static_cast<size_t>(n * c * pixels));
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t channel = static_cast<int64_t>(i) % c,
                  pixel = static_cast<int64_t>(i) / c % pixels;
    values[i] =
        static_cast<float>(spec_hash(static_cast<uint32_t>(channel * pixels + pixel), 1000));
  }
  return Tensor::from(values, {n, side, side, c});
}

}  // namespace diptych
