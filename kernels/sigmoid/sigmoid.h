// sigmoid: y = 1 / (1 + exp(-x)), elementwise; backward from the stored y.
//
//   dx = dy * y * (1 - y)
//   x, y any one shape, f32 or bf16, one dtype per call; arithmetic in f32. exp by a polynomial
//   good to about 1e-6 relative; y is exactly 0.5 at 0, 1 far up, below 2e-38 far down, NaN at NaN.
// Bound by memory: 8 bytes per f32 element forward, 12 backward.
// Errors: shapes or dtypes that differ. y may be x, dx may be dy.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void sigmoid_forward(Stream& stream, View x, MutView y);
void sigmoid_backward(Stream& stream, View y, View dy, GradView dx);

}  // namespace diptych
