// reduce on a GPU: launchers of its steps. Views hold device pointers and have passed the checks of
// reduce.cpp. Sums in double, in an order that depends on the sizes alone: the same bits every run
// and on every chip. No atomics.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

enum class Reduction { kSum, kMaxAbs, kSquares, kNonFinite, kSaturated };

// y[r] = reduction of x's row r, over divisor; y (rows) f32, y += when it accumulates. A whole
// array is one row: sum_of_squares, count_non_finite.
struct RowsProblem {
  Reduction reduction = Reduction::kSum;
  int64_t rows = 0, length = 0;
  double divisor = 1;  // length for a mean
};

// Step 1: a thread per row.
void reduce_rows_naive_cuda(CudaStream stream, const RowsProblem& problem, View x, GradView y);

// Step 2: a block per kReduceBlock elements, then a block per row. workspace: device memory of
// reduce_rows_workspace bytes, aligned to 8.
size_t reduce_rows_workspace(const RowsProblem& problem);
void reduce_rows_two_pass_cuda(
    CudaStream stream, const RowsProblem& problem, View x, GradView y, void* workspace);

// dx[r, i] = dy[r] / divisor: the backward of sum_rows and mean_rows.
void spread_rows_naive_cuda(CudaStream stream, View dy, double divisor, GradView dx);

// y[0] = 1 when sqrt(s) < limit, else limit / sqrt(s); 0 when s is not finite.
void clip_scale_cuda(CudaStream stream, View sum_of_squares, float limit, MutView y);

}  // namespace diptych
