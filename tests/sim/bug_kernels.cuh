// Kernels with a bug each. Without it, every one would write out[block * 64 + i] = 63 - i.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/simt.h"

namespace diptych {

__device__ inline float* mine(float* out) {
  return out + blockIdx.x * 64 + threadIdx.x;
}

__device__ inline float mirrored() {
  return 63.0f - static_cast<float>(threadIdx.x);
}

inline __global__ void good_kernel(float* out) {
  auto& s = simt::shared<float[64]>();
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  *mine(out) = s[63 - threadIdx.x];
}

inline __global__ void missing_syncthreads_kernel(float* out) {
  auto& s = simt::shared<float[64]>();
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  *mine(out) = s[63 - threadIdx.x];
}

inline __global__ void missing_syncwarp_kernel(float* out) {  // "a warp is in step anyway"
  __shared__ float s[64];
  const int t = static_cast<int>(threadIdx.x);
  s[t] = static_cast<float>(t);
  *mine(out) = s[t ^ 1] + static_cast<float>(63 - 2 * t + (t & 1 ? 1 : -1));
}

inline __global__ void late_reuse_kernel(float* out) {  // the second write needs a barrier before
  auto& s = simt::shared<float[64]>();
  float v = 0;
  for (int i = 0; i < 2; ++i) {
    s[threadIdx.x] = static_cast<float>(threadIdx.x) + 100.0f * static_cast<float>(i);
    __syncthreads();
    v += s[63 - threadIdx.x];
  }
  *mine(out) = (v - 100) / 2;
}

inline __global__ void divergent_syncthreads_kernel(float* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
  *mine(out) = mirrored();
}

inline __global__ void skipped_syncthreads_kernel(float* out) {
  *mine(out) = mirrored();
  if (threadIdx.x < 40) __syncthreads();
}

inline __global__ void partial_shuffle_kernel(float* out) {  // full mask, half of the lanes
  float v = static_cast<float>(threadIdx.x);
  if (threadIdx.x % 2)
    v = __shfl_xor_sync(~0u, v, 1);
  else
    __syncwarp();
  *mine(out) = v;
}

inline __global__ void shared_overrun_kernel(float* out) {
  auto& s = simt::shared<float[64]>();
  s[threadIdx.x + 1] = static_cast<float>(threadIdx.x);
  __syncthreads();
  *mine(out) = mirrored();
}

inline __global__ void static_shared_overrun_kernel(float* out, int n) {
  __shared__ float s[64];
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  const float v = s[63 - threadIdx.x + static_cast<unsigned>(n)];
  *mine(out) = threadIdx.x ? v - static_cast<float>(n) : 63.0f;
}

inline __global__ void global_overrun_kernel(float* out) {
  mine(out)[64] = mirrored();
}

inline __global__ void host_pointer_kernel(float* out, const float* host) {
  *mine(out) = host[63 - threadIdx.x];
}

inline __global__ void misaligned_kernel(float* out) {
  auto& s = simt::shared<float[260]>();
  for (unsigned i = 0; i < 4; ++i) s[threadIdx.x * 4 + i + 1] = mirrored();
  __syncwarp();
  const float4 v = *reinterpret_cast<float4*>(s + threadIdx.x * 4 + 1);
  *mine(out) = (v.x + v.y + v.z + v.w) / 4;
}

inline __global__ void misaligned_load_kernel(float* out, const float* in) {
  const float4 v = __ldg(reinterpret_cast<const float4*>(in + threadIdx.x + 1));
  *mine(out) = mirrored() + 0 * v.x;
}

inline __global__ void uninitialised_kernel(float* out) {
  auto& s = simt::shared<float[64]>();
  if (threadIdx.x != 63) s[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  *mine(out) = s[63 - threadIdx.x];
}

inline __global__ void block_race_kernel(float* out) {
  out[threadIdx.x] = mirrored();
  out[64 + threadIdx.x] = mirrored();
}

inline __global__ void lost_update_kernel(float* out) {  // += where atomicAdd was meant
  out[0] += 1;
  if (threadIdx.x || blockIdx.x) *mine(out) = mirrored();
}

inline __global__ void local_pointer_kernel(float* out) {  // into another thread's stack
  auto& s = simt::shared<float* [64]>();
  float local = static_cast<float>(threadIdx.x);
  s[threadIdx.x] = &local;
  __syncthreads();
  *mine(out) = *s[63 - threadIdx.x];
  __syncthreads();
}

}  // namespace diptych
