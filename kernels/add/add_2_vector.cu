// add, step 2: a thread per 16 bytes.
//
// New over step 1: loads and stores of 16 bytes, four f32 or eight bf16. Fewer instructions keep
// more bytes under way per thread, which is what hides the latency of memory.
//
//   thread p   a | 4p .. 4p+3 |  +  b | 4p .. 4p+3 |  ->  y | 4p .. 4p+3 |     (f32)
//
// The last pack may be ragged: its thread goes element by element.
// SPDX-License-Identifier: MIT
#include "kernels/add/add_cuda.h"
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"

namespace diptych {

namespace {

template <class T>
__global__ void add_vector_kernel(const T* a, const T* b, T* y, int64_t count) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  Pack<T> sum = load_pack(a, p, count);
  const Pack<T> other = load_pack(b, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i)
    sum.v[i] = T(static_cast<float>(sum.v[i]) + static_cast<float>(other.v[i]));
  store_pack(y, p, count, sum);
}

template <class T>
__global__ void affine_vector_kernel(float factor, float offset, const T* x, T* y, int64_t count) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  Pack<T> value = load_pack(x, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i)
    value.v[i] = T(factor * static_cast<float>(value.v[i]) + offset);
  store_pack(y, p, count, value);
}

template <class T>
__global__ void add_scaled_vector_kernel(
    float factor, const T* x, T* y, int64_t count, bool accumulate) {
  const int64_t p = item_index();
  if (p * Pack<T>::kSize >= count) return;
  Pack<T> value = load_pack(x, p, count), before{};
  if (accumulate) before = load_pack(y, p, count);
#pragma unroll
  for (int i = 0; i < Pack<T>::kSize; ++i) {
    const float v = factor * static_cast<float>(value.v[i]);
    value.v[i] = T(accumulate ? static_cast<float>(before.v[i]) + v : v);
  }
  store_pack(y, p, count, value);
}

}  // namespace

void add_vector_cuda(CudaStream stream, View a, View b, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(add_vector_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream),
                 static_cast<const T*>(a.data), static_cast<const T*>(b.data),
                 static_cast<T*>(y.data), count);
  });
}

void affine_vector_cuda(CudaStream stream, float factor, float offset, View x, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(affine_vector_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream), factor,
                 offset, static_cast<const T*>(x.data), static_cast<T*>(y.data), count);
  });
}

void add_scaled_vector_cuda(CudaStream stream, float factor, View x, GradView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(add_scaled_vector_kernel<T>, cover(packs_in(count, Pack<T>::kSize), stream),
                 factor, static_cast<const T*>(x.data), static_cast<T*>(y.data), count,
                 y.accumulate());
  });
}

}  // namespace diptych
