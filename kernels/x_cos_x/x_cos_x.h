// x_cos_x: y = x cos(x), elementwise: the activation of option c (spec networks.md 1.5).
//
//   dx = dy * (cos(x) - x sin(x))
//   x, y any one shape, f32 or bf16, one dtype per call; arithmetic in f32. Sine and cosine by
//   reduction to [-pi/4, pi/4] in three parts and a polynomial: absolute error below 2e-7 for
//   abs(x) <= 8192, standard library beyond. NaN and infinities give NaN.
// Errors: shapes or dtypes that differ. y may be x, dx may be dy.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void x_cos_x_forward(Stream& stream, View x, MutView y);
void x_cos_x_backward(Stream& stream, View x, View dy, GradView dx);

}  // namespace diptych
