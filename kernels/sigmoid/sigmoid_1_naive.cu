// sigmoid: a thread per 16 bytes.
//
//   thread p   x | pack p |  ->  1 / (1 + exp(-x))  ->  y | pack p |
//
// Bound by memory: one exp and one division per element are few beside 4 to 8 bytes of traffic. The
// library's expf, not __expf: at the ends of the range the fast one loses the tail.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"
#include "kernels/sigmoid/sigmoid_cuda.h"

namespace diptych {

namespace {

template <class T>
__global__ void sigmoid_forward_naive_kernel(const T* x, T* y, int64_t count) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  Pack<T> value = load_pack(x, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i)
    value.v[i] = T(1.0f / (1.0f + expf(-static_cast<float>(value.v[i]))));
  store_pack(y, p, count, value);
}

template <class T>
__global__ void sigmoid_backward_naive_kernel(
    const T* y, const T* dy, T* dx, int64_t count, bool accumulate) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  const Pack<T> output = load_pack(y, p, count);
  Pack<T> gradient = load_pack(dy, p, count), before{};
  if (accumulate) before = load_pack(dx, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i) {
    const float s = static_cast<float>(output.v[i]);
    const float old = accumulate ? static_cast<float>(before.v[i]) : 0.0f;
    gradient.v[i] = T(old + static_cast<float>(gradient.v[i]) * s * (1.0f - s));
  }
  store_pack(dx, p, count, gradient);
}

}  // namespace

void sigmoid_forward_naive_cuda(CudaStream stream, View x, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(sigmoid_forward_naive_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream),
                 static_cast<const T*>(x.data), static_cast<T*>(y.data), count);
  });
}

void sigmoid_backward_naive_cuda(CudaStream stream, View y, View dy, GradView dx) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(sigmoid_backward_naive_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream),
                 static_cast<const T*>(y.data), static_cast<const T*>(dy.data),
                 static_cast<T*>(dx.data), count, dx.accumulate());
  });
}

}  // namespace diptych
