// cast: storage conversion between f32 and bf16.
//
//   cast           y = x, rounded to nearest even when y is bf16; NaN stays NaN
//   cast_backward  dx = dy or dx += dy, any pair of dtypes; the sum is made in f32
//   x, y any one shape, each f32 or bf16 (the same dtype copies). 2 to 8 bytes per element.
// Errors: shapes that differ. x and y must not overlap.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void cast(Stream& stream, View x, MutView y);
void cast_backward(Stream& stream, View dy, GradView dx);

}  // namespace diptych
