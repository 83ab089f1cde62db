// nn::ConvTranspose2d.
// SPDX-License-Identifier: MIT
#include "nn/conv_transpose2d.h"

namespace diptych::nn {

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dConfig& config)
    : weight(Parameter::filter(config.in, config.kernel, config.out)),
      bias(Parameter::bias(config.out)) {
  DIPTYCH_CHECK(config.kernel >= config.stride, "nn::ConvTranspose2d: kernel ", config.kernel,
                " leaves gaps at stride ", config.stride);
  const int crop = config.kernel - config.stride, before = crop / 2, after = crop - before;
  block_.options = {.stride = config.stride,
                    .pad_top = before,
                    .pad_left = before,
                    .pad_bottom = after,
                    .pad_right = after};
  block_.leaky_slope = config.leaky_slope;
}

Tensor ConvTranspose2d::forward(const Tensor& x) const {
  ConvTranspose2dBlock block = block_;
  block.out_dtype = x.dtype();
  return conv_transpose2d(x, weight.compute, bias.master, block);
}

void ConvTranspose2d::parameters(const std::string& path, ParameterList& list) {
  list.push_back({path + "/weight", &weight});
  list.push_back({path + "/bias", &bias});
}

}  // namespace diptych::nn
