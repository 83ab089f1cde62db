// wgmma (sm_90a): a warp group of 128 threads multiplies tiles straight out of shared memory.
//
// Emulated, it is adversarial: operands are read and accumulators written only at wgmma_wait, so a
// missing wait or an operand overwritten early computes something else.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/barrier.cuh"
#include "kernels/common/cuda/tensor_map.h"

namespace diptych::simt {

#ifndef __CUDACC__
struct WgmmaOperands {
  float* d;
  uint64_t a, b;
  int n;
  bool accumulate, a_mn_major, b_mn_major;
};

void wgmma_issue(const WgmmaOperands& operands, Site at);
void wgmma_fence_registers();
void wgmma_commit_group(Site at);
void wgmma_wait_group(int n, Site at);
uint64_t shared_offset(const void* p);
#endif

// A matrix descriptor: where the tile starts, the strides between its 8x8 (or swizzled) core
// blocks, and its swizzle (PTX ISA, "Matrix descriptor").
__device__ __forceinline__ uint64_t smem_descriptor(const void* tile,
                                                    int leading_bytes,
                                                    int stride_bytes,
                                                    Swizzle s) {
#ifdef __CUDACC__
  const uint64_t address = smem_u32(tile);
#else
  const uint64_t address = shared_offset(tile);
#endif
  // 128 bytes: 1, 64: 2, 32: 3
  const uint64_t mode = s == Swizzle::kNone ? 0 : 4 - static_cast<uint64_t>(s);
  return (address & 0x3ffff) >> 4 | static_cast<uint64_t>(leading_bytes >> 4) << 16 |
         static_cast<uint64_t>(stride_bytes >> 4) << 32 | mode << 62;
}

// To the compiler, accumulators are ready when the wgmma that names them has been issued. This ties
// them to a place between what uses them before and after: nothing may be moved across it.
template <int N>
__device__ __forceinline__ void pin_accumulators([[maybe_unused]] float (&d)[N]) {
#ifdef __CUDACC__
#pragma unroll
  for (int i = 0; i < N; ++i) asm volatile("" : "+f"(d[i])::"memory");
#endif
}

// Orders this thread's use of the accumulators' registers before the wgmma that follow: wanted
// before the first of them, and again once wgmma_wait<0> has given the registers back.
template <int N>
__device__ __forceinline__ void wgmma_fence(float (&d)[N]) {
  pin_accumulators(d);
#ifdef __CUDACC__
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#else
  wgmma_fence_registers();
#endif
}

__device__ __forceinline__ void wgmma_commit([[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#else
  wgmma_commit_group(at);
#endif
}

// Waits until at most Pending of the warp group's latest groups are under way. With 0 left, d is
// there to be read.
template <int Pending, int N>
__device__ __forceinline__ void wgmma_wait(float (&d)[N], [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
#else
  wgmma_wait_group(Pending, at);
#endif
  pin_accumulators(d);
}

}  // namespace diptych::simt

#include "kernels/common/cuda/wgmma_m64.cuh"
