// y (m,n) f32 = x (m,k) w (n,k)^T, bf16, the Hopper way: a whole kernel for the emulator to prove
// itself on. One thread asks TMA for 128-byte swizzled tiles, mbarriers say when they came and when
// they may go, a warp group multiplies them with wgmma straight out of shared memory.
// k % 64 == 0; ragged m and n arrive as zeros.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/tma.cuh"
#include "kernels/common/cuda/wgmma.cuh"

namespace diptych {

template <int BN, int Stages>
struct GemmTiles {  // each tile a multiple of 1024 bytes, as the swizzle wants
  alignas(1024) simt::bf16 a[Stages][64][64];
  alignas(1024) simt::bf16 b[Stages][BN][64];
  simt::Mbarrier full[Stages], empty[Stages];
};

template <int BN, int Stages>
__device__ __forceinline__ void gemm_fetch(GemmTiles<BN, Stages>& t,
                                           const simt::TensorMap& a,
                                           const simt::TensorMap& b,
                                           int steps,
                                           int m0,
                                           int n0) {
  for (int step = 0; step < steps; ++step) {
    const int stage = step % Stages, round = step / Stages;
    if (round > 0) t.empty[stage].wait((round - 1) & 1);
    t.full[stage].arrive_expect((64 + BN) * 128);
    simt::tma_load_2d(t.a[stage], a, t.full[stage], step * 64, m0);
    simt::tma_load_2d(t.b[stage], b, t.full[stage], step * 64, n0);
  }
}

// Warp groups: 0 multiplies, 1 (one thread of it) fetches.
template <int BN, int Stages>
__global__ void __launch_bounds__(256)
    gemm_forward_wgmma_kernel(const __grid_constant__ simt::TensorMap a,
                              const __grid_constant__ simt::TensorMap b,
                              float* y,
                              int m,
                              int n,
                              int k) {
#if DIPTYCH_SM90A
  auto& t = simt::shared<GemmTiles<BN, Stages>>();
  const int thread = static_cast<int>(threadIdx.x), steps = k / 64;
  const int m0 = static_cast<int>(blockIdx.x) * 64, n0 = static_cast<int>(blockIdx.y) * BN;
  if (thread == 0)
    for (int i = 0; i < Stages; ++i) {
      t.full[i].init(1);
      t.empty[i].init(128);
    }
  __syncthreads();  // the barriers exist before anyone uses them
  if (thread >= 128) {
    if (thread == 128) gemm_fetch(t, a, b, steps, m0, n0);
    return;
  }
  float acc[BN / 2];
#pragma unroll
  for (int i = 0; i < BN / 2; ++i) acc[i] = 0;
  for (int step = 0; step < steps; ++step) {
    const int stage = step % Stages;
    t.full[stage].wait(step / Stages & 1);
    simt::wgmma_fence(acc);
#pragma unroll
    for (int kk = 0; kk < 4; ++kk)
      simt::wgmma_m64k16<BN>(
          acc, simt::smem_descriptor(&t.a[stage][0][kk * 16], 16, 1024, simt::Swizzle::k128),
          simt::smem_descriptor(&t.b[stage][0][kk * 16], 16, 1024, simt::Swizzle::k128), true);
    simt::wgmma_commit();
    simt::wgmma_wait<0>(acc);
    t.empty[stage].arrive();
  }
  const int row = m0 + thread / 32 * 16 + thread % 32 / 4, column = n0 + thread % 4 * 2;
#pragma unroll
  for (int j = 0; j < BN / 8; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = row + i / 2 * 8, c = column + j * 8 + i % 2;
      if (r < m && c < n) y[static_cast<int64_t>(r) * n + c] = acc[j * 4 + i];
    }
#endif
}

}  // namespace diptych
