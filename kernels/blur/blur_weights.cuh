// The Gaussian's weights, made by each block in shared memory: a few exponentials, no copy from the
// host.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/blur/blur.h"
#include "kernels/blur/blur_cuda.h"
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/reduce.cuh"

namespace diptych {

constexpr int kMaxBlurSize = 4 * 256 + 1;  // of kMaxBlurSigma

struct BlurWeights {
  float w[kMaxBlurSize];
  float slots[kBlockThreads / 32];
};

struct BlurShape {
  int h, w, c;
  int64_t count;  // of all elements
  int size;       // of the window, odd
  float falloff;  // 1 / (2 sigma^2)
};

inline BlurShape blur_shape(View x, double sigma) {
  return {static_cast<int>(x.shape[1]),
          static_cast<int>(x.shape[2]),
          static_cast<int>(x.shape[3]),
          x.shape.numel(),
          blur_size(sigma),
          static_cast<float>(1 / (2 * sigma * sigma))};
}

// Every thread of the block calls this; weights are there when it returns.
__device__ inline void make_weights(BlurWeights& s, const BlurShape& b) {
  const int half = b.size / 2, thread = static_cast<int>(threadIdx.x);
  float mine = 0;
  for (int i = thread; i < b.size; i += kBlockThreads) {
    const auto d = static_cast<float>(i - half);
    s.w[i] = expf(-d * d * b.falloff);
    mine += s.w[i];
  }
  const float sum = simt::block_sum(mine, s.slots);
  for (int i = thread; i < b.size; i += kBlockThreads) s.w[i] /= sum;
  __syncthreads();  // all weights are normalised before any is used
}

struct Pixel {
  int x, y;
  int64_t image;  // offset of its picture, channel included
};

// Where element e of (N,H,W,C) stands.
__device__ __forceinline__ Pixel pixel_of(const BlurShape& b, int64_t e) {
  const int64_t pixel = e / b.c, row = pixel / b.w;
  return {static_cast<int>(pixel % b.w), static_cast<int>(row % b.h),
          row / b.h * b.h * b.w * b.c + e % b.c};
}

}  // namespace diptych
