// add, step 1: a thread per element.
//
//   warp   a | 0 1 2 ... 31 |  +  b | 0 1 2 ... 31 |  ->  y | 0 1 2 ... 31 |
//
// Bound by memory: one or two loads, a store and one or two FLOPs. Neighbours in a warp touch
// neighbours in memory, so sectors are full; but a thread moves only 2 or 4 bytes per instruction.
// Step 2 moves 16.
// SPDX-License-Identifier: MIT
#include "kernels/add/add_cuda.h"
#include "kernels/common/cuda/dispatch.cuh"

namespace diptych {

namespace {

template <class T>
__global__ void add_naive_kernel(const T* a, const T* b, T* y, int64_t count) {
  const int64_t i = item_index();
  if (i < count) y[i] = T(static_cast<float>(a[i]) + static_cast<float>(b[i]));
}

template <class T>
__global__ void affine_naive_kernel(float factor, float offset, const T* x, T* y, int64_t count) {
  const int64_t i = item_index();
  if (i < count) y[i] = T(factor * static_cast<float>(x[i]) + offset);
}

template <class T>
__global__ void add_scaled_naive_kernel(
    float factor, const T* x, T* y, int64_t count, bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const float v = factor * static_cast<float>(x[i]);
  y[i] = T(accumulate ? static_cast<float>(y[i]) + v : v);
}

}  // namespace

void add_naive_cuda(CudaStream stream, View a, View b, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(add_naive_kernel<T>, cover(count, stream), static_cast<const T*>(a.data),
                 static_cast<const T*>(b.data), static_cast<T*>(y.data), count);
  });
}

void affine_naive_cuda(CudaStream stream, float factor, float offset, View x, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(affine_naive_kernel<T>, cover(count, stream), factor, offset,
                 static_cast<const T*>(x.data), static_cast<T*>(y.data), count);
  });
}

void add_scaled_naive_cuda(CudaStream stream, float factor, View x, GradView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(add_scaled_naive_kernel<T>, cover(count, stream), factor,
                 static_cast<const T*>(x.data), static_cast<T*>(y.data), count, y.accumulate());
  });
}

}  // namespace diptych
