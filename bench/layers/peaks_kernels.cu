// Kernels that do nothing but reach a peak: 16-byte copies, and multiply-adds in registers on the
// tensor cores and off them.
// SPDX-License-Identifier: MIT
#include "bench/layers/peaks.h"
#include "kernels/common/cuda/mma.cuh"
#include "kernels/common/simt/simt.h"

namespace diptych {

namespace {

constexpr int kThreads = 256, kRounds = 4096, kChains = 8;

__global__ void __launch_bounds__(kThreads)
    copy_kernel(const uint4* __restrict__ from, uint4* __restrict__ to, int64_t count) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  for (; i + 3 * step < count; i += 4 * step) {
    uint4 v[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = __ldcs(from + i + j * step);
#pragma unroll
    for (int j = 0; j < 4; ++j) __stcs(to + i + j * step, v[j]);
  }
  for (; i < count; i += step) __stcs(to + i, __ldcs(from + i));
}

// Independent chains hide the latency of each; their sum keeps the compiler from dropping them.
__global__ void __launch_bounds__(kThreads) mma_loop_kernel(float* sink) {
  float d[kChains][4] = {};
  // Pairs of bf16 of size 1/2 to 1, either sign.
  const auto pair = [](unsigned i) {
    return ((threadIdx.x * 4 + i + 1) * 0x9E3779B9u & 0x807F807Fu) | 0x3F003F00u;
  };
  const unsigned a[4] = {pair(0), pair(1), pair(2), pair(3)}, b[2] = {pair(11), pair(12)};
  for (int round = 0; round < kRounds; ++round)
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain) simt::mma_16816(d[chain], a, b);
  float sum = 0;
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain)
    sum += d[chain][0] + d[chain][1] + d[chain][2] + d[chain][3];
  sink[blockIdx.x * kThreads + threadIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads) fma_loop_kernel(float* sink) {
  float d[kChains];
  const float a = 1.0f + 1e-7f * static_cast<float>(threadIdx.x), b = 1e-3f;
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain) d[chain] = static_cast<float>(chain);
  for (int round = 0; round < kRounds; ++round)
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain) d[chain] = d[chain] * a + b;
  float sum = 0;
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain) sum += d[chain];
  sink[blockIdx.x * kThreads + threadIdx.x] = sum;
}

}  // namespace

void launch_copy(CudaStream stream, const void* from, void* to, size_t bytes, int blocks) {
  simt::launch(copy_kernel,
               {.grid = static_cast<unsigned>(blocks), .block = kThreads, .stream = stream},
               static_cast<const uint4*>(from), static_cast<uint4*>(to),
               static_cast<int64_t>(bytes / sizeof(uint4)));
}

double launch_mma_loop(CudaStream stream, int blocks, float* sink) {
  simt::launch(mma_loop_kernel,
               {.grid = static_cast<unsigned>(blocks), .block = kThreads, .stream = stream}, sink);
  const double per_warp = 2.0 * 16 * 8 * 16 * kChains * kRounds;
  return per_warp * blocks * (kThreads / 32);
}

double launch_fma_loop(CudaStream stream, int blocks, float* sink) {
  simt::launch(fma_loop_kernel,
               {.grid = static_cast<unsigned>(blocks), .block = kThreads, .stream = stream}, sink);
  return 2.0 * kChains * kRounds * blocks * kThreads;
}

}  // namespace diptych
