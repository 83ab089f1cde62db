// Kernels with a bug each in their asynchronous copies and multiplications. Without it, every one
// would write out[block * 64 + i] = 63 - i.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cp_async.cuh"
#include "kernels/common/cuda/tma_store.cuh"
#include "kernels/common/cuda/wgmma.cuh"

namespace diptych {

// Each thread fetches four floats of 0..255, then reads the mirror image.
template <bool Wait, bool Sync, bool Refill>
__global__ void cp_async_kernel(float* out, const float* in) {
  auto& s = simt::shared<float[256]>();
  const int t = static_cast<int>(threadIdx.x);
  simt::cp_async_16(&s[t * 4], in + t * 4, true);
  simt::cp_async_commit();
  if (Wait) simt::cp_async_wait<0>();
  if (Sync) __syncthreads();
  const float v = s[63 - t];
  if (Refill) {  // while others still read
    simt::cp_async_16(&s[t * 4], in + t * 4, true);
    simt::cp_async_commit();
    simt::cp_async_wait<0>();
  }
  out[blockIdx.x * 64 + threadIdx.x] = v;
  __syncthreads();
  simt::cp_async_commit();
  simt::cp_async_wait<0>();
}

// wgmma of ones: each accumulator is 16.
enum class HopperFlaw {
  kNone,
  kNoWait,
  kNoRegisterFence,
  kSpoiledOperand,
  kNeverWaited,
  kNoMbarrierWait,
  kNoExpect,
  kTooManyArrivals,
  kTooManyBytes,
  kWaitAsBarrier,
  kWrongDescriptor
};

template <HopperFlaw Flaw>
__global__ void hopper_kernel(float* out, const __grid_constant__ simt::TensorMap ones) {
#if DIPTYCH_SM90A
  struct Tiles {
    alignas(1024) simt::bf16 tile[64][64];
    simt::Mbarrier full;
    float zeros[128];
  };

  auto& s = simt::shared<Tiles>();
  if (threadIdx.x == 0) s.full.init(1);
  __syncthreads();
  if (threadIdx.x == 0 || (Flaw == HopperFlaw::kTooManyArrivals && threadIdx.x == 1)) {
    s.full.arrive_expect(Flaw == HopperFlaw::kNoExpect       ? 4096
                         : Flaw == HopperFlaw::kTooManyBytes ? 1 << 20
                                                             : sizeof s.tile);
    simt::tma_load_2d(s.tile, ones, s.full, 0, 0);
  }
  if (Flaw != HopperFlaw::kNoMbarrierWait) s.full.wait(0);
  if (Flaw == HopperFlaw::kWaitAsBarrier) s.zeros[threadIdx.x] = 0;
  float acc[32] = {};
  const auto a = simt::smem_descriptor(s.tile, 16, 1024, simt::Swizzle::k128);
  const auto b = Flaw == HopperFlaw::kWrongDescriptor
                     ? simt::smem_descriptor(s.tile, 16, 2048, simt::Swizzle::k128)
                     : a;
  if (Flaw != HopperFlaw::kNoRegisterFence) simt::wgmma_fence(acc);
  simt::wgmma_m64k16<64>(acc, a, b, false);
  simt::wgmma_commit();
  const float early = acc[0];
  if (Flaw == HopperFlaw::kSpoiledOperand && threadIdx.x < 64) s.tile[threadIdx.x][0] = 7.0f;
  if (Flaw != HopperFlaw::kNeverWaited) simt::wgmma_wait<0>(acc);
  s.full.wait(0);
  float sum = Flaw == HopperFlaw::kNoWait ? early : acc[0];
  if (Flaw == HopperFlaw::kWaitAsBarrier) sum += s.zeros[threadIdx.x ^ 32];  // another warp's
  if (threadIdx.x < 64)
    out[blockIdx.x * 64 + threadIdx.x] = sum - 16 + 63.0f - static_cast<float>(threadIdx.x);
#endif
}

// wgmma of ones that the threads wrote themselves: the async proxy must be told.
enum class ProxyFlaw { kNone, kNoFence, kFenceBeforeWrites };

template <ProxyFlaw Flaw>
__global__ void written_operand_kernel(float* out) {
#if DIPTYCH_SM90A
  struct Tiles {
    alignas(1024) simt::bf16 tile[64][64];
  };

  auto& s = simt::shared<Tiles>();
  if (Flaw == ProxyFlaw::kFenceBeforeWrites) simt::fence_proxy_async();
  for (int i = static_cast<int>(threadIdx.x); i < 4096; i += 128) s.tile[i / 64][i % 64] = 1.0f;
  if (Flaw == ProxyFlaw::kNone) simt::fence_proxy_async();
  __syncthreads();
  float acc[32] = {};
  const auto d = simt::smem_descriptor(s.tile, 16, 1024, simt::Swizzle::k128);
  simt::wgmma_fence(acc);
  simt::wgmma_m64k16<64>(acc, d, d, false);
  simt::wgmma_commit();
  simt::wgmma_wait<0>(acc);
  if (threadIdx.x < 64)
    out[blockIdx.x * 64 + threadIdx.x] = acc[0] - 16 + 63.0f - static_cast<float>(threadIdx.x);
#endif
}

// A bulk store of each block's 64 floats.
enum class StoreFlaw { kNone, kFenceByTheStorer, kNoFence, kNoSync, kReusedEarly, kNoWait };

template <StoreFlaw Flaw>
__global__ void bulk_store_kernel(const __grid_constant__ simt::TensorMap out) {
#if DIPTYCH_SM90A
  struct Tiles {
    alignas(128) float tile[64];
  };

  auto& s = simt::shared<Tiles>();
  s.tile[threadIdx.x] = 63.0f - static_cast<float>(threadIdx.x);
  if (Flaw != StoreFlaw::kNoFence && Flaw != StoreFlaw::kFenceByTheStorer)
    simt::fence_proxy_async();
  if (Flaw != StoreFlaw::kNoSync) __syncthreads();
  if (threadIdx.x == 0) {
    if (Flaw == StoreFlaw::kFenceByTheStorer) simt::fence_proxy_async();
    simt::tma_store_2d(out, s.tile, 0, static_cast<int>(blockIdx.x));
    simt::tma_store_commit();
    if (Flaw == StoreFlaw::kReusedEarly) s.tile[1] = 0;
    if (Flaw != StoreFlaw::kNoWait) simt::tma_store_wait_read<0>();
  }
#endif
}

}  // namespace diptych
