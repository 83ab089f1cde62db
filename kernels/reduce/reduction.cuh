// What a reduction does with an element and with two partial results, on the device; and the second
// pass of every two-pass reduction.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_cuda.h"

namespace diptych {

template <Reduction R>
__device__ __forceinline__ double element_of(float x) {
  if constexpr (R == Reduction::kMaxAbs) return fabsf(x);
  if constexpr (R == Reduction::kSquares) return static_cast<double>(x) * x;
  if constexpr (R == Reduction::kNonFinite)
    return (__float_as_uint(x) & 0x7f800000u) == 0x7f800000u ? 1.0 : 0.0;
  if constexpr (R == Reduction::kSaturated)
    return x >= kSaturation && x <= 1 - kSaturation ? 0.0 : 1.0;  // NaN counts
  return x;
}

template <Reduction R>
__device__ __forceinline__ double combine(double a, double b) {
  if constexpr (R == Reduction::kMaxAbs) return a != a || a > b ? a : b;  // a NaN stays
  return a + b;
}

// The result of the block's values in thread 0, in a fixed tree. slots: 32 doubles of shared
// memory.
template <Reduction R>
__device__ inline double block_combine(double v, double* slots) {
  const int thread = static_cast<int>(threadIdx.x), warps = static_cast<int>(blockDim.x / 32);
  for (int d = 16; d; d /= 2) v = combine<R>(v, __shfl_xor_sync(~0u, v, d));
  if (thread % 32 == 0) slots[thread / 32] = v;
  __syncthreads();  // every warp's result is there
  for (int w = 1; thread == 0 && w < warps; ++w) v = combine<R>(v, slots[w]);
  return v;
}

__device__ __forceinline__ void put_result(float* y,
                                           double value,
                                           double divisor,
                                           bool accumulate) {
  const auto result = static_cast<float>(value / divisor);
  *y = accumulate ? *y + result : result;
}

// Second pass: a block per row combines the row's partial results, `parts` of them.
template <Reduction R>
__global__ void combine_parts_kernel(
    const double* partial, int64_t parts, double divisor, float* y, bool accumulate) {
  __shared__ double slots[32];
  const double* const mine = partial + static_cast<int64_t>(blockIdx.x) * parts;
  double v = 0;
  for (int64_t i = threadIdx.x; i < parts; i += blockDim.x) v = combine<R>(v, mine[i]);
  v = block_combine<R>(v, slots);
  if (threadIdx.x == 0) put_result(y + blockIdx.x, v, divisor, accumulate);
}

template <class F>
void dispatch_reduction(Reduction reduction, F&& f) {
  switch (reduction) {
    case Reduction::kSum:
      return f.template operator()<Reduction::kSum>();
    case Reduction::kMaxAbs:
      return f.template operator()<Reduction::kMaxAbs>();
    case Reduction::kSquares:
      return f.template operator()<Reduction::kSquares>();
    case Reduction::kNonFinite:
      return f.template operator()<Reduction::kNonFinite>();
    case Reduction::kSaturated:
      return f.template operator()<Reduction::kSaturated>();
  }
}

}  // namespace diptych
