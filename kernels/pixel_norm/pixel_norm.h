// pixel_norm: scales each sample to unit mean square (spec networks.md 1.5).
//
//   r[n] = 1 / sqrt(mean over the sample of x^2 + 1e-6)
//   y[n,i] = x[n,i] r[n]
//   dx[n,i] = r dy[n,i] - x[n,i] r^3 * mean over the sample of (dy x)
//   x, y (N,...), f32 or bf16, one dtype per call; inverse_norm r (N) f32, kept for backward.
// Sums in double. FLOPs 3 per element forward, 5 backward; backward reads x twice.
// Errors: shapes or dtypes that do not fit. y may be x; dx may not be x.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

constexpr double kPixelNormEpsilon = 1e-6;

void pixel_norm_forward(Stream& stream, View x, MutView y, MutView inverse_norm);
void pixel_norm_backward(Stream& stream, View x, View inverse_norm, View dy, GradView dx);

}  // namespace diptych
