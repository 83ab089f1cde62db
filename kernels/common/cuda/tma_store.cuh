// Bulk tensor stores (TMA, sm_90), the way back of tma.cuh. Before a store: every writer of the
// tile calls fence_proxy_async(), then a barrier, then one thread stores, commits and waits.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/tma.cuh"

namespace diptych::simt {

__device__ __forceinline__ void tma_store_2d(
    const TensorMap& map, const void* from, int x, int y, [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile(
      "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2,%3}], [%1];" ::"l"(&map.map),
      "r"(smem_u32(from)), "r"(x), "r"(y)
      : "memory");
#else
  const int c[] = {x, y};
  tma_store(map, from, 2, c, at);
#endif
}

__device__ __forceinline__ void tma_store_4d(const TensorMap& map,
                                             const void* from,
                                             int x,
                                             int y,
                                             int z,
                                             int w,
                                             [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile(
      "cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2,%3,%4,%5}], [%1];" ::"l"(
          &map.map),
      "r"(smem_u32(from)), "r"(x), "r"(y), "r"(z), "r"(w)
      : "memory");
#else
  const int c[] = {x, y, z, w};
  tma_store(map, from, 4, c, at);
#endif
}

__device__ __forceinline__ void tma_store_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#else
  tma_store_commit_group();
#endif
}

// Waits until the tiles of all but the N latest groups have been read and may be overwritten. A
// thread must do so for all of its groups before it returns.
template <int N>
__device__ __forceinline__ void tma_store_wait_read([[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(N) : "memory");
#else
  tma_store_wait_group(N, at);
#endif
}

}  // namespace diptych::simt
