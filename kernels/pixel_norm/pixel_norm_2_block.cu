// pixel_norm, step 2: a block per sample.
//
// New over step 1: 512 threads walk a sample side by side, then sum by shuffles and one slot of
// shared memory per warp, in a fixed tree.
//
//   block n   x[n] | t0 t1 .. t511 | t0 t1 .. |   -> partial sums -> warp tree -> slots -> r[n]
//             then the same walk once more: y = x r
//
// Bound by memory; the second walk finds the sample in the L2 cache. A batch fills as many blocks
// as it has samples: the sizes where pixel_norm stands are small beside the convolutions around it.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/pixel_norm/pixel_norm.h"
#include "kernels/pixel_norm/pixel_norm_cuda.h"

namespace diptych {

namespace {

constexpr int kThreads = 512;

template <class T>
__global__ void __launch_bounds__(kThreads)
    pixel_norm_forward_block_kernel(const T* x, T* y, float* inverse_norm, int64_t length) {
  __shared__ double slots[kThreads / 32];
  x += blockIdx.x * length;
  y += blockIdx.x * length;
  double squares = 0;
  for (int64_t i = threadIdx.x; i < length; i += kThreads) {
    const double v = static_cast<float>(x[i]);
    squares += v * v;
  }
  squares = simt::block_sum(squares, slots);  // also: all have read x before any writes y
  const auto r = static_cast<float>(1.0 / sqrt(squares / length + kPixelNormEpsilon));
  if (threadIdx.x == 0) inverse_norm[blockIdx.x] = r;
  for (int64_t i = threadIdx.x; i < length; i += kThreads) y[i] = T(static_cast<float>(x[i]) * r);
}

template <class T>
__global__ void __launch_bounds__(kThreads) pixel_norm_backward_block_kernel(
    const T* x, const float* inverse_norm, const T* dy, T* dx, int64_t length, bool accumulate) {
  __shared__ double slots[kThreads / 32];
  x += blockIdx.x * length;
  dy += blockIdx.x * length;
  dx += blockIdx.x * length;
  double dot = 0;
  for (int64_t i = threadIdx.x; i < length; i += kThreads)
    dot += static_cast<double>(static_cast<float>(dy[i])) * static_cast<float>(x[i]);
  dot = simt::block_sum(dot, slots);
  const float r = inverse_norm[blockIdx.x];
  const auto b = static_cast<float>(static_cast<double>(r) * r * r * dot / length);
  for (int64_t i = threadIdx.x; i < length; i += kThreads) {
    const float d = r * static_cast<float>(dy[i]) - static_cast<float>(x[i]) * b;
    dx[i] = T(accumulate ? static_cast<float>(dx[i]) + d : d);
  }
}

simt::Config per_sample(int64_t samples, CudaStream stream) {
  return {.grid = static_cast<unsigned>(samples), .block = kThreads, .smem = 0, .stream = stream};
}

}  // namespace

void pixel_norm_forward_block_cuda(CudaStream stream, View x, MutView y, MutView inverse_norm) {
  const int64_t samples = inverse_norm.shape.numel();
  if (x.shape.numel() == 0) return;
  dispatch_device(x.dtype, [&]<class T>() {
    simt::launch(pixel_norm_forward_block_kernel<T>, per_sample(samples, stream),
                 static_cast<const T*>(x.data), static_cast<T*>(y.data),
                 static_cast<float*>(inverse_norm.data), x.shape.numel() / samples);
  });
}

void pixel_norm_backward_block_cuda(
    CudaStream stream, View x, View inverse_norm, View dy, GradView dx) {
  const int64_t samples = inverse_norm.shape.numel();
  if (x.shape.numel() == 0) return;
  dispatch_device(x.dtype, [&]<class T>() {
    simt::launch(pixel_norm_backward_block_kernel<T>, per_sample(samples, stream),
                 static_cast<const T*>(x.data), static_cast<const float*>(inverse_norm.data),
                 static_cast<const T*>(dy.data), static_cast<T*>(dx.data),
                 x.shape.numel() / samples, dx.accumulate());
  });
}

}  // namespace diptych
