// nn::ConvTranspose2d: weight (C,R,S,K), bias (K), leaky ReLU.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tensor/ops.h"
#include "tensor/parameter.h"

namespace diptych::nn {

// "Same" of the transposed convolutions: output = input * stride. What the full result has more is
// cropped, half before and half after, an odd one after (spec networks.md 1.2).
struct ConvTranspose2dConfig {
  Channels in = 0, out = 0;
  int kernel = 3, stride = 2;  // kernel >= stride
  float leaky_slope = 1.0f;
};

class ConvTranspose2d {
 public:
  ConvTranspose2d() = default;
  explicit ConvTranspose2d(const ConvTranspose2dConfig& config);

  Tensor forward(const Tensor& x) const;
  void parameters(const std::string& path, ParameterList& list);

  Parameter weight, bias;

 private:
  ConvTranspose2dBlock block_;
};

}  // namespace diptych::nn
