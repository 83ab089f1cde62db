// Downscale, Upscale, Residual.
// SPDX-License-Identifier: MIT
#include "models/saehd/blocks.h"

#include "tensor/profile.h"

namespace diptych {

namespace {

constexpr float kScaleSlope = 0.1f, kResidualSlope = 0.2f;

}  // namespace

Downscale::Downscale(int in, int out, bool cos_act)
    : conv1_({.in = in,
              .out = out,
              .kernel = 5,
              .stride = 2,
              .leaky_slope = cos_act ? 1.0f : kScaleSlope}),
      cos_act_(cos_act) {}

Tensor Downscale::forward(const Tensor& x) const {
  const Tensor y = conv1_.forward(x);
  return cos_act_ ? x_cos_x(y) : y;
}

Upscale::Upscale(const Channels& in, int out, bool cos_act)
    : conv1_({.in = in,
              .out = {4 * int64_t{out}, 4},
              .kernel = 3,
              .leaky_slope = cos_act ? 1.0f : kScaleSlope,
              .depth_to_space = !cos_act}),
      cos_act_(cos_act) {}

Tensor Upscale::forward(const Tensor& x) const {
  const Tensor y = conv1_.forward(x);
  return cos_act_ ? depth_to_space(x_cos_x(y)) : y;
}

Residual::Residual(int channels, bool cos_act)
    : conv1_({.in = channels,
              .out = channels,
              .kernel = 3,
              .leaky_slope = cos_act ? 1.0f : kResidualSlope}),
      conv2_({.in = channels,
              .out = channels,
              .kernel = 3,
              .leaky_slope = cos_act ? 1.0f : kResidualSlope}),
      cos_act_(cos_act) {}

Tensor Residual::forward(const Tensor& x) const {
  Tensor y;
  {
    const ProfileScope scope("conv1");
    y = conv1_.forward(x);
    if (cos_act_) y = x_cos_x(y);
  }
  const ProfileScope scope("conv2");
  y = conv2_.forward(y, x);
  return cos_act_ ? x_cos_x(y) : y;
}

}  // namespace diptych
