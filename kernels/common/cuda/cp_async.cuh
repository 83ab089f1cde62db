// cp.async (sm_80): 16 bytes from global to shared memory past the registers, in commit groups.
//
// Emulated, it is adversarial: the destination turns to NaNs at once, the data arrives when it is
// waited for. Every schedule that hardware may pick lies between the two.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/mma.cuh"

namespace diptych::simt {

#ifndef __CUDACC__
void cp_async_issue(void* to, const void* from, bool valid, Site at);
void cp_async_commit_group();
void cp_async_wait_group(int n, Site at);
#endif

// Zeros arrive when !valid; `from` is not read then, but must be a valid address.
__device__ __forceinline__ void cp_async_16(void* to,
                                            const void* from,
                                            bool valid,
                                            [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(smem_u32(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
#else
  cp_async_issue(to, from, valid, at);
#endif
}

__device__ __forceinline__ void cp_async_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  cp_async_commit_group();
#endif
}

// Waits until at most N of this thread's latest groups are under way.
template <int N>
__device__ __forceinline__ void cp_async_wait([[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#else
  cp_async_wait_group(N, at);
#endif
}

}  // namespace diptych::simt
