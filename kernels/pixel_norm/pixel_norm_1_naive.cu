// pixel_norm, step 1: a thread per sample, the formulas and nothing else.
//
//   thread n   x[n, 0..length)  twice: once for the sum, once to scale
//
// A batch of 8 keeps 8 threads busy: bound by the latency of their loads. Step 2 gives a sample to
// a block.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/pixel_norm/pixel_norm.h"
#include "kernels/pixel_norm/pixel_norm_cuda.h"

namespace diptych {

namespace {

template <class T>
__global__ void pixel_norm_forward_naive_kernel(
    const T* x, T* y, float* inverse_norm, int64_t samples, int64_t length) {
  const int64_t n = item_index();
  if (n >= samples) return;
  double squares = 0;
  for (int64_t i = n * length; i < (n + 1) * length; ++i) {
    const double v = static_cast<float>(x[i]);
    squares += v * v;
  }
  const auto r = static_cast<float>(1.0 / sqrt(squares / length + kPixelNormEpsilon));
  inverse_norm[n] = r;
  for (int64_t i = n * length; i < (n + 1) * length; ++i) y[i] = T(static_cast<float>(x[i]) * r);
}

template <class T>
__global__ void pixel_norm_backward_naive_kernel(const T* x,
                                                 const float* inverse_norm,
                                                 const T* dy,
                                                 T* dx,
                                                 int64_t samples,
                                                 int64_t length,
                                                 bool accumulate) {
  const int64_t n = item_index();
  if (n >= samples) return;
  double dot = 0;
  for (int64_t i = n * length; i < (n + 1) * length; ++i)
    dot += static_cast<double>(static_cast<float>(dy[i])) * static_cast<float>(x[i]);
  const float r = inverse_norm[n];
  const auto b = static_cast<float>(static_cast<double>(r) * r * r * dot / length);
  for (int64_t i = n * length; i < (n + 1) * length; ++i) {
    const float d = r * static_cast<float>(dy[i]) - static_cast<float>(x[i]) * b;
    dx[i] = T(accumulate ? static_cast<float>(dx[i]) + d : d);
  }
}

}  // namespace

void pixel_norm_forward_naive_cuda(CudaStream stream, View x, MutView y, MutView inverse_norm) {
  const int64_t samples = inverse_norm.shape.numel();
  if (x.shape.numel() == 0) return;
  dispatch_device(x.dtype, [&]<class T>() {
    simt::launch(pixel_norm_forward_naive_kernel<T>, cover(samples, stream),
                 static_cast<const T*>(x.data), static_cast<T*>(y.data),
                 static_cast<float*>(inverse_norm.data), samples, x.shape.numel() / samples);
  });
}

void pixel_norm_backward_naive_cuda(
    CudaStream stream, View x, View inverse_norm, View dy, GradView dx) {
  const int64_t samples = inverse_norm.shape.numel();
  if (x.shape.numel() == 0) return;
  dispatch_device(x.dtype, [&]<class T>() {
    simt::launch(pixel_norm_backward_naive_kernel<T>, cover(samples, stream),
                 static_cast<const T*>(x.data), static_cast<const float*>(inverse_norm.data),
                 static_cast<const T*>(dy.data), static_cast<T*>(dx.data), samples,
                 x.shape.numel() / samples, dx.accumulate());
  });
}

}  // namespace diptych
