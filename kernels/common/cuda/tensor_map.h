// TensorMap: a tensor in global memory and the box that one bulk tensor copy (TMA) moves.
//
//   up to 5 dimensions, innermost first; bf16 or f32 elements; all limits are those of
//   cuTensorMapEncodeTiled: base, strides and the box's innermost bytes are multiples of 16,
//   a box is at most 256 long in each dimension, a traversal step at most 8.
//   step s: the box covers box[i] elements and holds every s-th of them, ceil(box[i] / s).
// Coordinates may hang over any edge: what lies outside arrives as zeros, and is not stored.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#include <cuda.h>
#include <cuda_bf16.h>
#else
#include "kernels/common/simt/bf16.h"
#endif

namespace diptych::simt {

constexpr int kMaxTensorRank = 5;

// How the 16-byte chunks of a tile's rows are permuted, so that columns do not share banks.
enum class Swizzle { kNone, k32, k64, k128 };

// The address of byte `address` of a tile: chunk number xor row number, over 128 (64, 32) bytes.
// Tiles start at multiples of 1024 bytes, so addresses will do.
#ifdef __CUDACC__
__device__ __host__
#endif
    constexpr uintptr_t
    swizzled(Swizzle s, uintptr_t address) {
  const uintptr_t mask = (uintptr_t{1} << static_cast<int>(s)) - 1;
  return address ^ ((address >> 7 & mask) << 4);
}

struct TensorMap {
#ifdef __CUDACC__
  CUtensorMap map;
#else
  void* base;
  int rank;
  uint64_t size[kMaxTensorRank], stride[kMaxTensorRank];  // elements; bytes
  unsigned box[kMaxTensorRank], step[kMaxTensorRank];
  Swizzle swizzle;

  unsigned extent(int i) const {
    return (box[i] + step[i] - 1) / step[i];
  }

  size_t element_bytes() const {
    return stride[0];
  }

  size_t tile_bytes() const {
    size_t bytes = element_bytes();
    for (int i = 0; i < rank; ++i) bytes *= extent(i);
    return bytes;
  }
#endif
};

struct TensorBox {
  int rank = 0;
  uint64_t size[kMaxTensorRank] = {1, 1, 1, 1, 1};  // elements
  uint64_t stride[kMaxTensorRank - 1] = {};         // bytes, of dimensions 1, 2, ...
  unsigned box[kMaxTensorRank] = {1, 1, 1, 1, 1};   // elements
  unsigned step[kMaxTensorRank] = {1, 1, 1, 1, 1};  // traversal
  Swizzle swizzle = Swizzle::kNone;
};

// Throws Error when the hardware has no such map.
TensorMap tensor_map(const __nv_bfloat16* base, const TensorBox& box);
TensorMap tensor_map(const float* base, const TensorBox& box);

}  // namespace diptych::simt
