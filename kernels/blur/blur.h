// blur: depthwise Gaussian with zero padding, and the mask rules built on it (spec training.md 2.1,
// 4.2).
//
//   size = max(3, trunc(4 sigma)), plus 1 when even;  half = size / 2
//   w[i] = exp(-(i - half)^2 / (2 sigma^2)) / sum        i = 0..size-1
//   G(x)[n,y,x,c] = sum over i,j of w[i] w[j] x[n, y + i - half, x + j - half, c]
//   x, y (N,H,W,C) f32, any C; reads outside x are 0, so values fall towards the border.
//   The kernel is symmetric, so backward is the same filter: dx = G(dy).
//   soft_mask   y = 2 * clip(G(m) / I, 0, 0.5)
//   blur_out    y = t m + (N / D) (1 - m),  N = G(t (1 - m)), D = I - G(m), 1 where D is 0
//               t (N,H,W,C), m (N,H,W,1): fills the outside of the mask with its blurred self
//   I = 1 with BlurBorder::kZeros, G(1) with kRenormalised: how much of the window lies inside.
// Two 1-D passes: FLOPs 4 * size * N*H*W*C. Workspace: a few rows per thread; blur_out a
// copy of t and m as well. Errors: rank, shapes or dtypes that do not fit; sigma not above 0 or
// above kMaxBlurSigma. Outputs must not overlap inputs.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

constexpr double kMaxBlurSigma = 256;

// What the mask rules make of a window that reaches over the border.
enum class BlurBorder {
  kZeros,         // masks fade and backgrounds darken there: parity (spec training.md 4.2, quirks)
  kRenormalised,  // only what is inside counts
};

int blur_size(double sigma);

void blur_forward(Stream& stream, View x, double sigma, MutView y);
void blur_backward(Stream& stream, View dy, double sigma, GradView dx);
// No gradient passes through the masks and targets: these have no backward.
void soft_mask(Stream& stream, View mask, double sigma, BlurBorder border, MutView y);
void blur_out(Stream& stream, View target, View mask, double sigma, BlurBorder border, MutView y);

}  // namespace diptych
