// x_cos_x: a thread per 16 bytes.
//
//   thread p   x | pack p |  ->  x cos(x)  ->  y | pack p |
//
// Bound by memory for the usual small x. The library's cosf and sinf reduce large arguments in a
// slow branch; __cosf would be wrong there, not only rough.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"
#include "kernels/x_cos_x/x_cos_x_cuda.h"

namespace diptych {

namespace {

template <class T>
__global__ void x_cos_x_forward_naive_kernel(const T* x, T* y, int64_t count) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  Pack<T> value = load_pack(x, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i) {
    const float v = static_cast<float>(value.v[i]);
    value.v[i] = T(v * cosf(v));
  }
  store_pack(y, p, count, value);
}

template <class T>
__global__ void x_cos_x_backward_naive_kernel(
    const T* x, const T* dy, T* dx, int64_t count, bool accumulate) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  const Pack<T> input = load_pack(x, p, count);
  Pack<T> gradient = load_pack(dy, p, count), before{};
  if (accumulate) before = load_pack(dx, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i) {
    const float v = static_cast<float>(input.v[i]);
    const float old = accumulate ? static_cast<float>(before.v[i]) : 0.0f;
    gradient.v[i] = T(old + static_cast<float>(gradient.v[i]) * (cosf(v) - v * sinf(v)));
  }
  store_pack(dx, p, count, gradient);
}

}  // namespace

void x_cos_x_forward_naive_cuda(CudaStream stream, View x, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(x_cos_x_forward_naive_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream),
                 static_cast<const T*>(x.data), static_cast<T*>(y.data), count);
  });
}

void x_cos_x_backward_naive_cuda(CudaStream stream, View x, View dy, GradView dx) {
  const int64_t count = x.shape.numel();
  if (count == 0) return;
  dispatch_device(x.dtype, [&]<class T>() {
    simt::launch(x_cos_x_backward_naive_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream),
                 static_cast<const T*>(x.data), static_cast<const T*>(dy.data),
                 static_cast<T*>(dx.data), count, dx.accumulate());
  });
}

}  // namespace diptych
