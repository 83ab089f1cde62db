// Bulk tensor copies (TMA, sm_90): one thread moves a whole box between global and shared memory.
//
// Loads complete on an mbarrier, stores in commit groups of the thread that issued them. Emulated,
// both are adversarial: a load spoils its destination at once and delivers when everybody waits; a
// store reads its tile as late as it is waited for. Shared addresses are multiples of 128 bytes,
// of 1024 with a swizzle.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/barrier.cuh"
#include "kernels/common/cuda/tensor_map.h"

namespace diptych::simt {

#ifndef __CUDACC__
void tma_load(void* to, const TensorMap& map, Mbarrier* bar, int rank, const int* at, Site site);
void tma_store(const TensorMap& map, const void* from, int rank, const int* at, Site site);
void tma_store_commit_group();
void tma_store_wait_group(int n, Site at);
#endif

__device__ __forceinline__ void tma_load_2d(void* to,
                                            const TensorMap& map,
                                            Mbarrier& bar,
                                            int x,
                                            int y,
                                            [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3,%4}], [%2];" ::"r"(smem_u32(to)),
      "l"(&map.map), "r"(smem_u32(&bar)), "r"(x), "r"(y)
      : "memory");
#else
  const int c[] = {x, y};
  tma_load(to, map, &bar, 2, c, at);
#endif
}

__device__ __forceinline__ void tma_load_4d(void* to,
                                            const TensorMap& map,
                                            Mbarrier& bar,
                                            int x,
                                            int y,
                                            int z,
                                            int w,
                                            [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3,%4,%5,%6}], [%2];" ::"r"(smem_u32(to)),
      "l"(&map.map), "r"(smem_u32(&bar)), "r"(x), "r"(y), "r"(z), "r"(w)
      : "memory");
#else
  const int c[] = {x, y, z, w};
  tma_load(to, map, &bar, 4, c, at);
#endif
}

__device__ __forceinline__ void tma_load_5d(void* to,
                                            const TensorMap& map,
                                            Mbarrier& bar,
                                            const int (&c)[5],
                                            [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3,%4,%5,%6,%7}], [%2];" ::"r"(smem_u32(to)),
      "l"(&map.map), "r"(smem_u32(&bar)), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "r"(c[4])
      : "memory");
#else
  tma_load(to, map, &bar, 5, c, at);
#endif
}

}  // namespace diptych::simt
