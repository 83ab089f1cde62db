// Reductions of f32 rows in a fixed order, shared by the CPU ops that need a sum. The order depends
// on the length alone: 16 lanes in double within a chunk, then lane by lane, then chunk by chunk.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Of one chunk of at most kRowChunk elements, in double. Callers add chunks in order.
double sum_row(const float* x, int64_t n);
double dot_row(const float* x, const float* y, int64_t n);

// reduce_cpu.cpp
void sum_rows_cpu(View x, double divisor, MutView y);
void spread_rows_cpu(View dy, double divisor, GradView dx);
void max_abs_rows_cpu(View x, MutView y);
double sum_of_squares_cpu(Stream& stream, View x);
int64_t count_non_finite_cpu(Stream& stream, View x);
int64_t count_saturated_cpu(Stream& stream, View x);

}  // namespace diptych
