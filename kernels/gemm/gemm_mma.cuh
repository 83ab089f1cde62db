// Fragments of the tensor cores straight from global memory: 16 bytes a lane, no shared memory, no
// ldmatrix.
//
// A sum does not mind the order of its terms. So a lane need not hold the terms that mma's map
// names (2t, 2t+1, 2t+8, 2t+9 of 16): any four will do, as long as A and B agree. Lane t of four
// takes terms 8t .. 8t+7 of 32, one load, and feeds them to two mma:
//
//   terms     0 1 2 3 | 4 5 6 7 | 8 9 ..             mma 0: a[0] = terms 8t, 8t+1    (2t, 2t+1)
//             lane t = 0        | t = 1 ..                  a[2] = terms 8t+2, 8t+3  (2t+8, 2t+9)
//                                                    mma 1: a[0] = 8t+4, 8t+5   a[2] = 8t+6, 8t+7
//
// Where the terms are rows and a lane's load holds 8 columns of one row, it pairs up two rows by
// itself (low_pair, high_pair). Which column then is which row of a fragment is free again, since
// results bear no names: lane g gives its 8 columns to row g of 8 half fragments.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/mma.cuh"
#include "kernels/common/cuda/pack.cuh"
#include "kernels/gemm/gemm_rungs.cuh"

namespace diptych {

using Chunk = Pack<unsigned, 4>;  // 8 bf16
using HalfChunk = Pack<unsigned, 2>;

// g names a row of A or a column of B, t the terms.
__device__ __forceinline__ int lane_g() {
  return static_cast<int>(threadIdx.x) % 32 / 4;
}

__device__ __forceinline__ int lane_t() {
  return static_cast<int>(threadIdx.x) % 4;
}

template <class C>
__device__ __forceinline__ C load_or_zero(const simt::bf16* from, bool valid) {
  if (!valid) return C{};
  return load_whole(reinterpret_cast<const C*>(from));
}

// The lower or upper elements of two words: terms a and b of one column.
__device__ __forceinline__ unsigned low_pair(unsigned a, unsigned b) {
  return (a & 0xffffu) | b << 16;
}

__device__ __forceinline__ unsigned high_pair(unsigned a, unsigned b) {
  return a >> 16 | (b & 0xffff0000u);
}

__device__ __forceinline__ unsigned bits_at(const simt::bf16* from) {
  return __ldg(reinterpret_cast<const unsigned short*>(from));
}

// Terms k .. k+7 of a row, zeros from `end` on. aligned: chunks are whole and start at 16 bytes.
__device__ __forceinline__ Chunk load_terms(const simt::bf16* row, int k, int end, bool aligned) {
  if (aligned) return load_or_zero<Chunk>(row + k, k < end);
  Chunk c{};
#pragma unroll
  for (int j = 0; j < 8; ++j)
    if (k + j < end) c.v[j / 2] |= bits_at(row + k + j) << (j % 2 * 16);
  return c;
}

// What the hosts' sides of these kernels ask of their arguments.

constexpr int kMmaChip = 80;  // bf16 mma.sync

template <class Args>
bool accepts_bf16(const Args& a, int chip) {
  return chip >= kMmaChip && a.dtype == DType::kBF16 && fits_grid(a.problem);
}

inline bool chunks(int row, const void* a, const void* b) {
  return row % 8 == 0 && pack_aligned(static_cast<const char*>(a), static_cast<const char*>(b));
}

}  // namespace diptych
