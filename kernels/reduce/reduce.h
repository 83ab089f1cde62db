// reduce: sums, means and statistics in a fixed order, so the same bits every run.
//
//   sum_rows, mean_rows   x (N,...) -> y (N)             backward spreads dy over the row
//   max_abs_rows          x (N,...) -> y (N), NaN when the row holds one
//   sum_of_squares        x (any) -> y (1)
//   count_non_finite      x (any) -> y (1), NaN and infinities, exact up to 2^24
//   count_saturated       x (any) -> y (1), values not in [kSaturation, 1 - kSaturation], NaN too
//   clip_scale            y (1) = 1 when the norm sqrt(s) < limit, else limit / sqrt(s)
// A chunk of 1024 elements is summed in double over 16 lanes, chunks in order; the whole-array
// functions sum blocks of kReduceBlock elements that way, blocks in order. None of it depends on
// the thread count. x f32 or bf16; y f32. The functions of a whole array add to y when it
// accumulates: one value for several arrays.
// clip_scale with a norm that is not finite gives 0, so the update passes nothing on: callers look
// at count_non_finite as well, since 0 * inf is NaN. The spec's limit is 1 (training.md 5.1).
// Errors: shapes or dtypes that do not fit, empty rows for a mean.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

constexpr int64_t kReduceBlock = 1 << 14;  // elements

// A step of an 8-bit picture: what a sigmoid puts nearer to 0 or 1 than this is lost to the eye,
// and its gradient is next to nothing.
constexpr float kSaturation = 1.0f / 256;

void sum_rows_forward(Stream& stream, View x, MutView y);
void sum_rows_backward(Stream& stream, View dy, GradView dx);
void mean_rows_forward(Stream& stream, View x, MutView y);
void mean_rows_backward(Stream& stream, View dy, GradView dx);

void max_abs_rows(Stream& stream, View x, MutView y);
void sum_of_squares(Stream& stream, View x, GradView y);
void count_non_finite(Stream& stream, View x, GradView y);
void count_saturated(Stream& stream, View x, GradView y);
void clip_scale(Stream& stream, View sum_of_squares, float limit, MutView y);

}  // namespace diptych
