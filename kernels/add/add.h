// add: sums and multiples of arrays of one shape.
//
//   add_forward     y = a + b                     y may be a or b
//   affine_forward  y = factor * x + offset       y may be x
//   add_scaled      y = factor * x, or y += factor * x when y accumulates
//   a, b, x, y: any one shape. a, b and y share one dtype, f32 or bf16, so do x and y.
// add_scaled is the backward of all three (factor 1 for add), the sum of loss terms, and what joins
// gradients. Arithmetic in f32. FLOPs 1 to 2 per element. Errors: shapes or dtypes that differ.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void add_forward(Stream& stream, View a, View b, MutView y);
void affine_forward(Stream& stream, float factor, float offset, View x, MutView y);
void add_scaled(Stream& stream, float factor, View x, GradView y);

}  // namespace diptych
