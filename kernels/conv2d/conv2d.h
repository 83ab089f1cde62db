// conv2d: 2-D cross-correlation, NHWC, with its pointwise neighbours as epilogue.
//
//   a[n,p,q,k] = b[k] + residual[n,p,q,k] + sum over r,s,c of
//                x[n, p*stride + r - pad_top, q*stride + s - pad_left, c] * w[k,r,s,c]
//   y = store(leaky(a)):   leaky(a) = a >= 0 ? a : leaky_slope * a
//     store is plain, y (N,P,Q,K), or depth_to_space with block 2, y (N,2P,2Q,K/4):
//     y[n, 2p+dy, 2q+dx, j] = leaky(a[n,p,q, (2*dy+dx)*(K/4) + j])      (spec networks.md 1.4)
//   x (N,H,W,C)  w (K,R,S,C)  b (K) f32  residual (N,P,Q,K); reads outside x are 0
//   P = (H + pad_top + pad_bottom - R) / stride + 1; Q likewise
//   FLOPs 2*N*P*Q*K*R*S*C. x, w, y, residual share one dtype, f32 or bf16; sums in f32. y may be
//   f32 when x is bf16 (the heads of a network). b, db and dw are always f32.
// Errors: diptych::Error naming the op and all shapes when shapes, dtypes or sizes disagree.
// Why each variant exists and what it reaches: README.md here.
// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>
#include <span>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Build with designated initializers only: ten ints in a row invite a swap.
struct Conv2dProblem {
  int n = 0, h = 0, w = 0, c = 0, k = 0, r = 0, s = 0;
  int stride = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;

  int p() const { return (h + pad_top + pad_bottom - r) / stride + 1; }

  int q() const { return (w + pad_left + pad_right - s) / stride + 1; }

  Shape x_shape() const { return {n, h, w, c}; }

  Shape w_shape() const { return {k, r, s, c}; }

  Shape a_shape() const { return {n, p(), q(), k}; }  // before the store

  double flops() const { return 2.0 * n * p() * q() * k * r * s * c; }

  friend bool operator==(const Conv2dProblem&, const Conv2dProblem&) = default;
};

std::ostream& operator<<(std::ostream& out, const Conv2dProblem& problem);

// Applied to the f32 sums before the store.
struct Conv2dEpilogue {
  bool bias = false;
  bool residual = false;
  float leaky_slope =
      1.0f;  // 1: identity; otherwise in (0,1), so that the sign of y tells the sign of a
  bool depth_to_space = false;

  Shape y_shape(const Conv2dProblem& problem) const;
  friend bool operator==(const Conv2dEpilogue&, const Conv2dEpilogue&) = default;
};

// Problem from tensors' shapes. Throws when x and w disagree on C, or nothing is left after
// padding.
struct Conv2dOptions {
  int stride = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

Conv2dProblem make_conv2d_problem(const Shape& x, const Shape& w, const Conv2dOptions& options);

// b and residual are read only when the epilogue asks for them; pass {} otherwise. With a plain
// store residual may be y itself: the convolution is added to what is there.
void conv2d_forward(Stream& stream,
                    const Conv2dProblem& problem,
                    const Conv2dEpilogue& epilogue,
                    View x,
                    View w,
                    View b,
                    View residual,
                    MutView y);

// Undoes the epilogue: da = leaky'(a) * space_to_depth(dy), with the sign of a read from the stored
// y, and db = sum of da over n,p,q (skipped when db is not defined). da (N,P,Q,K) has the dtype of
// dy; it is also the gradient of the residual. With neither leaky nor depth_to_space, da may be dy
// itself (same pointer).
void conv2d_backward_epilogue(Stream& stream,
                              const Conv2dProblem& problem,
                              const Conv2dEpilogue& epilogue,
                              View y,
                              View dy,
                              MutView da,
                              GradView db);

// dx[n,h,w,c] = sum over p,q,r,s,k of da[n,p,q,k] * w[k,r,s,c] where (p,q,r,s) reaches (h,w). dx
// has the dtype of da.
void conv2d_backward_data(
    Stream& stream, const Conv2dProblem& problem, View da, View w, GradView dx);

// The convolution that made x, whose epilogue backward data can undo before it stores anything.
struct Conv2dBelow {
  Conv2dEpilogue epilogue;  // its slope and store count
  View x;                   // its stored output, for the sign: read when the slope is not 1
  View before;              // (N,H,W,C): what x has got from its other readers, or {}
  MutView da;               // (N,H,W,C), or (N,H/2,W/2,4C) with depth_to_space
};

// Backward data and the backward epilogue of the convolution below in one pass, dx never stored:
//   below.da = leaky'(x) * space_to_depth(dx + before)
// All share da's dtype. before may be below.da itself, unless depth_to_space moves elements. Only
// where conv2d_undoes_below(stream): on a device with our kernels.
bool conv2d_undoes_below(const Stream& stream);
void conv2d_backward_data_below(
    Stream& stream, const Conv2dProblem& problem, View da, View w, const Conv2dBelow& below);

// dw[k,r,s,c] = sum over n,p,q of da[n,p,q,k] * x[n, p*stride + r - pad_top, q*stride + s -
// pad_left, c], and db = sum of da over n,p,q unless db is undefined. Both are f32.
void conv2d_backward_weight(
    Stream& stream, const Conv2dProblem& problem, View x, View da, GradView dw, GradView db = {});

// The implementations, best first. accepts() sees dtypes, so a bf16-only variant can refuse f32.
struct Conv2dForwardArgs {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue;
  View x, w, b, residual;
  MutView y;
};

struct Conv2dBackwardDataArgs {
  Conv2dProblem problem;
  View da, w;
  GradView dx;
};

struct Conv2dBackwardWeightArgs {
  Conv2dProblem problem;
  View x, da;
  GradView dw;
  GradView db = {};  // on a device; elsewhere a pass of its own
};

template <class Args>
struct Conv2dVariant {
  const char* name;
  bool (*accepts)(const Stream&, const Args&);
  void (*run)(Stream&, const Args&);
};

std::span<const Conv2dVariant<Conv2dForwardArgs>> conv2d_forward_variants();
std::span<const Conv2dVariant<Conv2dBackwardDataArgs>> conv2d_backward_data_variants();
std::span<const Conv2dVariant<Conv2dBackwardWeightArgs>> conv2d_backward_weight_variants();

}  // namespace diptych
