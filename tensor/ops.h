// Every differentiable op, on one screen. Shapes are NHWC; formulas and limits stand in
// kernels/<op>/<op>.h. Each records its backward closure when an input needs a gradient. Outputs
// are new tensors.
// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/pixel_loss/pixel_loss.h"
#include "tensor/tensor.h"

namespace diptych {

// A convolution with what follows it: bias b (K), residual added before the activation, leaky ReLU,
// depth_to_space. b and residual may be undefined. out_dtype f32 with bf16 inputs serves the heads
// of a network.
struct Conv2dBlock {
  Conv2dOptions options;
  float leaky_slope = 1.0f;
  bool depth_to_space = false;
  DType out_dtype = DType::kF32;  // f32, or the dtype of x
};

Tensor conv2d(const Tensor& x,
              const Tensor& w,
              const Tensor& b,
              const Tensor& residual,
              const Conv2dBlock& block);

// The transposed convolution likewise: w (C,R,S,K), b (K) or undefined, leaky ReLU. The pads of
// `options` crop.
struct ConvTranspose2dBlock {
  Conv2dOptions options;
  float leaky_slope = 1.0f;
  DType out_dtype = DType::kF32;  // f32, or the dtype of x
};

Tensor conv_transpose2d(const Tensor& x,
                        const Tensor& w,
                        const Tensor& b,
                        const ConvTranspose2dBlock& block);

// y (M,out) = x (M,in) w (out,in)^T + b (out)
Tensor dense(const Tensor& x, const Tensor& w, const Tensor& b);

Tensor concat_channels(const Tensor& a,
                       const Tensor& b);  // (N,H,W,Ca) and (N,H,W,Cb) -> (N,H,W,Ca+Cb)
Tensor concat_batch(const Tensor& a, const Tensor& b);  // (Na,...) and (Nb,...) -> (Na+Nb,...)
Tensor slice_batch(const Tensor& x, int64_t begin, int64_t end);
Tensor depth_to_space(const Tensor& x);
Tensor add(const Tensor& a, const Tensor& b);
Tensor sigmoid(const Tensor& x);
Tensor x_cos_x(const Tensor& x);
Tensor pixel_norm(const Tensor& x);  // (N,F)
Tensor cast(const Tensor& x, DType dtype);
Tensor gaussian_blur(const Tensor& x, double sigma);  // f32, zeros outside the picture
Tensor style_stats(const Tensor& x);  // f32 (N,H,W,C) -> (N,2C): C means, C deviations

// Losses: f32, one value per sample, (N).
Tensor dssim_loss(const Tensor& target,
                  const Tensor& prediction,
                  int window);  // mean over channels

// structure * mean over channels of DSSIM + squares * mean (t - p)^2, both pictures multiplied by
// the mask (N,H,W,1) unless it is undefined. One pass each way on a device.
struct PictureTerms {
  int window = 1;
  float structure = 1, squares = 0;
};

Tensor picture_loss(const Tensor& target,
                    const Tensor& prediction,
                    const Tensor& mask,
                    const PictureTerms& terms);
// mean (t - p)^2, or mean (t*m - p*m)^2
Tensor squared_error(const Tensor& target, const Tensor& prediction, const Tensor& mask = {});
Tensor masked_abs_error(const Tensor& target,
                        const Tensor& prediction,
                        const Tensor& mask);           // mean |t*m - p*m|
Tensor bce_logits(const Tensor& logits, float label);  // mean cross-entropy against one label
Tensor total_variation(const Tensor& x, TotalVariation form);  // sum, not mean
Tensor mul_mask(const Tensor& x,
                const Tensor& mask);  // (N,H,W,C) * (N,H,W,1); no gradient to the mask
// sum of weight_i * loss_i, per sample
Tensor weighted_sum(std::initializer_list<std::pair<float, const Tensor*>> terms);

}  // namespace diptych
