// pixel_loss: losses per pixel, one value per sample (spec training.md 2.4, 4.3, 4.4, 4.7).
//
//   squared_error   loss[n] = mean over the sample of (m (t - p))^2
//   absolute_error  loss[n] = mean over the sample of abs(m (t - p))
//   bce_logits      loss[n] = mean over the sample of max(z,0) - z q + log(1 + exp(-abs(z)))
//   total_variation loss[n] = sum of squared differences of neighbours
//   mul_mask        y = x m
//   t target, p prediction, x, y (N,H,W,C); m mask (N,H,W,1), shared by the channels, or {} for 1
//   (squared_error and absolute_error then take any shape (N,...)); z logits, q labels (N,...) or
//   one number; loss (N). Means run over all pixels and channels: masked pixels count as zeros.
//   Gradients flow to p, z and x only: targets, labels and masks are data. dloss (N): the gradient
//   that arrives at each sample's loss. At t = p the slope of the absolute error is 0.
// All f32; sums of a sample in double. Errors: rank, shapes or dtypes that do not fit.
// mul_mask: y may be x. Other outputs must not overlap inputs.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void squared_error_forward(Stream& stream, View target, View prediction, View mask, MutView loss);
void squared_error_backward(
    Stream& stream, View target, View prediction, View mask, View dloss, GradView dprediction);

void absolute_error_forward(Stream& stream, View target, View prediction, View mask, MutView loss);
void absolute_error_backward(
    Stream& stream, View target, View prediction, View mask, View dloss, GradView dprediction);

void mul_mask_forward(Stream& stream, View x, View mask, MutView y);
void mul_mask_backward(Stream& stream, View dy, View mask, GradView dx);

void bce_logits_forward(Stream& stream, View logits, View labels, MutView loss);
void bce_logits_forward(Stream& stream, View logits, float label, MutView loss);
void bce_logits_backward(Stream& stream, View logits, View labels, View dloss, GradView dlogits);
void bce_logits_backward(Stream& stream, View logits, float label, View dloss, GradView dlogits);

// Which neighbours total variation joins.
enum class TotalVariation {
  kRowsAndColumns,
  kRowsAndChannels,  // what DeepFaceLab computes on a GPU: parity only (spec training.md 2.4)
};

void total_variation_forward(Stream& stream, TotalVariation form, View x, MutView loss);
void total_variation_backward(Stream& stream, TotalVariation form, View x, View dloss, GradView dx);

}  // namespace diptych
