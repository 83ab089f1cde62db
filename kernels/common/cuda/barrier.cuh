// Barriers of some of a block's threads (bar.sync), barriers in shared memory that also count
// bytes (mbarrier, sm_90), the fence between proxies, and register trading between warp groups.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/mma.cuh"

namespace diptych::simt {

struct Mbarrier;

#ifndef __CUDACC__
void mbarrier_init(Mbarrier* barrier, unsigned count, Site at);
void mbarrier_arrive(Mbarrier* barrier, unsigned bytes, Site at);
void mbarrier_wait(Mbarrier* barrier, unsigned parity, Site at);
void proxy_fence();
#endif

// `threads` threads, a multiple of 32, meet at barrier `id` of 1..15.
__device__ __forceinline__ void bar_sync(int id,
                                         int threads,
                                         [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#else
  block_barrier(id, threads, 0, at, true);
#endif
}

// Phase p is over when `count` arrivals and all expected bytes have come; wait(p) returns once the
// phase of parity p is over. On a GPU a wait of kHopeless ends the kernel with an error: a launch
// that cannot end would hold the GPU, and the host, for good.
struct Mbarrier {
  static constexpr uint64_t kHopeless = 10'000'000'000;  // nanoseconds; tools slow kernels a lot

  uint64_t word;

  __device__ __forceinline__ void init(unsigned count, [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(smem_u32(this)), "r"(count)
                 : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#else
    mbarrier_init(this, count, at);
#endif
  }

  __device__ __forceinline__ void arrive([[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(smem_u32(this)) : "memory");
#else
    mbarrier_arrive(this, 0, at);
#endif
  }

  // Arrives, and holds the phase open for `bytes` bytes of bulk copies.
  __device__ __forceinline__ void arrive_expect(unsigned bytes,
                                                [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(smem_u32(this)),
                 "r"(bytes)
                 : "memory");
#else
    mbarrier_arrive(this, bytes, at);
#endif
  }

  __device__ __forceinline__ void wait(unsigned parity, [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
    if (over(parity)) return;
    const uint64_t since = nanoseconds();
    while (!over(parity))
      if (nanoseconds() - since > kHopeless) __trap();
#else
    mbarrier_wait(this, parity, at);
#endif
  }

#ifdef __CUDACC__
 private:
  // False after a while, too.
  __device__ __forceinline__ bool over(unsigned parity) {
    unsigned yes;
    asm volatile(
        "{\n.reg .pred p;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "selp.u32 %0, 1, 0, p;\n}"
        : "=r"(yes)
        : "r"(smem_u32(this)), "r"(parity)
        : "memory");
    return yes != 0;
  }

  __device__ __forceinline__ static uint64_t nanoseconds() {
    uint64_t now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    return now;
  }
#endif
};

// What this thread wrote to shared memory, and knows others to have written, becomes visible to
// bulk copies and wgmma. Without it they may read what was there before.
__device__ __forceinline__ void fence_proxy_async() {
#ifdef __CUDACC__
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#else
  proxy_fence();
#endif
}

// A warp group, all of it, gives registers away, or takes some: N per thread from now on. A kernel
// begins with 65536 / threads for each, a multiple of 8, when it says so:
// __launch_bounds__(threads, 1); else the compiler may leave these out. Taking waits until others
// of the block have given enough. The emulator has no register file: nothing happens there.
template <int N>
__device__ __forceinline__ void give_registers() {
  static_assert(N >= 24 && N <= 256 && N % 8 == 0, "24 to 256 registers, a multiple of 8");
#ifdef __CUDACC__
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
#endif
}

template <int N>
__device__ __forceinline__ void take_registers() {
  static_assert(N >= 24 && N <= 256 && N % 8 == 0, "24 to 256 registers, a multiple of 8");
#ifdef __CUDACC__
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
#endif
}

}  // namespace diptych::simt
