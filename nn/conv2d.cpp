// nn::Conv2d.
// SPDX-License-Identifier: MIT
#include "nn/conv2d.h"

namespace diptych::nn {

Conv2d::Conv2d(const Conv2dConfig& config)
    : weight(Parameter::filter(config.out, config.kernel, config.in)),
      bias(Parameter::bias(config.out)) {
  const int pad = config.kernel / 2;
  block_.options = {.stride = config.stride,
                    .pad_top = pad,
                    .pad_left = pad,
                    .pad_bottom = pad,
                    .pad_right = pad};
  block_.leaky_slope = config.leaky_slope;
  block_.depth_to_space = config.depth_to_space;
}

Tensor Conv2d::forward(const Tensor& x, const Tensor& residual, bool f32_out) const {
  Conv2dBlock block = block_;
  block.out_dtype = f32_out ? DType::kF32 : x.dtype();
  return conv2d(x, weight.compute, bias.master, residual, block);
}

void Conv2d::parameters(const std::string& path, ParameterList& list) {
  list.push_back({path + "/weight", &weight});
  list.push_back({path + "/bias", &bias});
}

}  // namespace diptych::nn
