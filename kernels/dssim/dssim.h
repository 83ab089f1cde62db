// dssim: structural dissimilarity per sample and channel (Wang et al. 2004; spec training.md 2.2).
//
//   g    normalised Gaussian, sigma 1.5, f x f samples at offsets i - (f-1)/2; f may be even
//   a = g*x,  b = g*y      x target, y prediction, (N,H,W,C); filters VALID, maps (P,Q)
//   l  = (2ab + C1) / (a^2 + b^2 + C1)                                C1 = 0.01^2
//   cs = (2 g*(xy) - 2ab + C2) / (g*(x^2 + y^2) - a^2 - b^2 + C2)     C2 = 0.03^2
//   loss[n,c] = (1 - mean over the map of l*cs) / 2
//   P = H - f + 1, Q = W - f + 1
// The filter is separable, in f32. Taps below 1e-12 of the largest one (farther than 11.2 from the
// centre) are left out: they are far below the rounding of any sum here. Means are summed in
// double. Backward is with respect to the prediction only; the target is data. Forward keeps the
// three partial derivatives of l*cs (with respect to b, g*(xy), g*(x^2+y^2)) in `saved`; backward
// filters them back:
//   dy = dloss/(-2 P Q) * ( gT*s0 + x gT*s1 + 2 y gT*s2 )
// FLOPs about 2 * taps * 2 * 4 * N*H*W*C forward and 3/4 of it backward.
// All f32. Errors: rank, shapes, dtypes that do not fit; a window larger than the picture.
// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Build with designated initializers only.
struct DssimProblem {
  int n = 0, h = 0, w = 0, c = 0;
  int window = 0;  // f

  int p() const { return h - window + 1; }

  int q() const { return w - window + 1; }

  Shape x_shape() const { return {n, h, w, c}; }

  Shape loss_shape() const { return {n, c}; }

  Shape saved_shape() const { return {n, p(), 3 * q(), c}; }  // per map row: s0, s1, s2

  friend bool operator==(const DssimProblem&, const DssimProblem&) = default;
};

std::ostream& operator<<(std::ostream& out, const DssimProblem& problem);

// Throws when x is not (N,H,W,C) or the window does not fit.
DssimProblem make_dssim_problem(const Shape& x, int window);

// saved may be {} when no backward follows.
void dssim_forward(Stream& stream,
                   const DssimProblem& problem,
                   View target,
                   View prediction,
                   MutView loss,
                   MutView saved);

// dloss (N,C): the gradient that arrives at each value of loss.
void dssim_backward(Stream& stream,
                    const DssimProblem& problem,
                    View target,
                    View prediction,
                    View saved,
                    View dloss,
                    GradView dprediction);

}  // namespace diptych
