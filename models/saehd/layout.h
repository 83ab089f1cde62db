// Between our weight layout and the one of weight files and golden dumps (spec networks.md 0, 1.4,
// formats.md 9):
//   ours    conv (K,R,S,C), dense (out,in), activations flattened in H,W,C order
//   files   conv (R,S,C,K), dense (in,out), activations flattened in C,H,W order
// dense1's inputs and dense2's outputs are permuted so that flatten and reshape cost nothing
// inside.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/common/shape.h"
#include "models/saehd/config.h"

namespace diptych {

// Shape of a parameter in a file, from its path and its shape here.
Shape file_shape(const std::string& path, const Shape& shape);

// Values reordered from file order to ours, and back. `path` is the parameter's path
// ("inter/dense1/weight").
std::vector<float> from_file_order(const SaehdConfig& config,
                                   const std::string& path,
                                   const Shape& shape,
                                   std::span<const float> values);
std::vector<float> to_file_order(const SaehdConfig& config,
                                 const std::string& path,
                                 const Shape& shape,
                                 std::span<const float> values);

}  // namespace diptych
