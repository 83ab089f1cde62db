// Sums over a warp and over a block, in a fixed order.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/simt.h"

namespace diptych::simt {

// The sum over the warp, the same bits in every lane.
template <class T>
__device__ inline T warp_sum(T v) {
  for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  return v;
}

// The sum over the block, the same bits in every thread. slots: one T per warp, in shared memory;
// free again after the next barrier. blockDim.x * blockDim.y is a multiple of 32.
template <class T>
__device__ inline T block_sum(T v, T* slots) {
  const int thread = static_cast<int>(threadIdx.x + blockDim.x * threadIdx.y);
  const int warps = static_cast<int>(blockDim.x * blockDim.y / 32);
  v = warp_sum(v);
  if (thread % 32 == 0) slots[thread / 32] = v;
  __syncthreads();  // all slots are written before any is read
  T sum = 0;
  for (int w = 0; w < warps; ++w) sum += slots[w];
  return sum;
}

}  // namespace diptych::simt
