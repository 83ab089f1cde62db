// nn::Conv2d: weight (K,R,S,C), bias (K) and the block of pointwise neighbours its convolution
// carries. x and residual have channels as they are stored (tensor/channels.h), and so has the
// result.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tensor/ops.h"
#include "tensor/parameter.h"

namespace diptych::nn {

// "Same" padding of the SAEHD networks: size/2 zeros on every side, also with stride 2 (spec
// networks.md 1.1).
struct Conv2dConfig {
  Channels in = 0, out = 0;
  int kernel = 3, stride = 1;
  float leaky_slope = 1.0f;
  bool depth_to_space = false;
};

class Conv2d {
 public:
  Conv2d() = default;
  explicit Conv2d(const Conv2dConfig& config);

  // residual (N,P,Q,K) is added before the activation. f32_out: store f32 whatever the dtype of x.
  Tensor forward(const Tensor& x, const Tensor& residual = {}, bool f32_out = false) const;
  void parameters(const std::string& path, ParameterList& list);

  Parameter weight, bias;

 private:
  Conv2dBlock block_;
};

}  // namespace diptych::nn
