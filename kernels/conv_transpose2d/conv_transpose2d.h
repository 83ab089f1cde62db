// conv_transpose2d: 2-D transposed convolution, NHWC: the adjoint of conv2d, used to grow images.
//
//   a[n, h*stride + r - pad_top, w*stride + s - pad_left, k] gathers x[n,h,w,c] * weight[c,r,s,k]
//   over all h,w,r,s,c that reach it, plus b[k];   y = leaky(a)
//   x (N,H,W,C)  weight (C,R,S,K)  b (K) f32  y (N,P,Q,K); what falls outside y is cropped
//   P = (H - 1) * stride + R - pad_top - pad_bottom; Q likewise
//   The weight of a transposed convolution from C to K channels is the KRSC weight of the
//   convolution from K to C channels that it transposes, so C stands first. A stored (R,S,K,C)
//   weight is permuted to it when it is loaded (spec networks.md 1.2). There, output = input *
//   stride: for a 3x3 filter pads are 0 before and 1 after with stride 2, 1 and 1 with stride 1.
//   FLOPs 2*N*H*W*C*R*S*K. x, weight, y share one dtype, f32 or bf16, sums in f32; y may be f32
//   when x is bf16. b, db and dw are f32. Errors: diptych::Error naming the op and all shapes.
// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>
#include <span>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"
#include "kernels/conv2d/conv2d.h"

namespace diptych {

// Build with designated initializers only.
struct ConvTranspose2dProblem {
  int n = 0, h = 0, w = 0, c = 0, k = 0, r = 0, s = 0;
  int stride = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;  // cropped from the full result

  int p() const { return (h - 1) * stride + r - pad_top - pad_bottom; }

  int q() const { return (w - 1) * stride + s - pad_left - pad_right; }

  Shape x_shape() const { return {n, h, w, c}; }

  Shape w_shape() const { return {c, r, s, k}; }

  Shape y_shape() const { return {n, p(), q(), k}; }

  double flops() const { return 2.0 * n * h * w * c * r * s * k; }

  // The convolution that this one transposes: from y to x.
  Conv2dProblem conv2d() const;

  friend bool operator==(const ConvTranspose2dProblem&, const ConvTranspose2dProblem&) = default;
};

std::ostream& operator<<(std::ostream& out, const ConvTranspose2dProblem& problem);

// Applied to the f32 sums before the store; leaky_slope as in Conv2dEpilogue.
struct ConvTranspose2dEpilogue {
  bool bias = false;
  float leaky_slope = 1.0f;

  friend bool operator==(const ConvTranspose2dEpilogue&, const ConvTranspose2dEpilogue&) = default;
};

// Problem from tensors' shapes. Throws when x and weight disagree on C or everything is cropped.
ConvTranspose2dProblem make_conv_transpose2d_problem(const Shape& x,
                                                     const Shape& w,
                                                     const Conv2dOptions& options);

void conv_transpose2d_forward(Stream& stream,
                              const ConvTranspose2dProblem& problem,
                              const ConvTranspose2dEpilogue& epilogue,
                              View x,
                              View w,
                              View b,
                              MutView y);

// da = leaky'(a) * dy with the sign of a read from y; db = sum of da over n,p,q, skipped when it is
// not defined. da has the dtype of dy and may be dy.
void conv_transpose2d_backward_epilogue(Stream& stream,
                                        const ConvTranspose2dProblem& problem,
                                        const ConvTranspose2dEpilogue& epilogue,
                                        View y,
                                        View dy,
                                        MutView da,
                                        GradView db);

// dx = the convolution of da with weight: runs through conv2d_forward and its variants.
void conv_transpose2d_backward_data(
    Stream& stream, const ConvTranspose2dProblem& problem, View da, View w, GradView dx);

// dw (C,R,S,K) f32: runs through conv2d_backward_weight and its variants.
void conv_transpose2d_backward_weight(
    Stream& stream, const ConvTranspose2dProblem& problem, View x, View da, GradView dw);

// The implementations of the forward pass, best first.
struct ConvTranspose2dForwardArgs {
  ConvTranspose2dProblem problem;
  ConvTranspose2dEpilogue epilogue;
  View x, w, b;
  MutView y;
};

struct ConvTranspose2dVariant {
  const char* name;
  bool (*accepts)(const Stream&, const ConvTranspose2dForwardArgs&);
  void (*run)(Stream&, const ConvTranspose2dForwardArgs&);
};

std::span<const ConvTranspose2dVariant> conv_transpose2d_forward_variants();

}  // namespace diptych
