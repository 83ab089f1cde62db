// cast, step 2: a thread per 8 elements.
//
// New over step 1: a thread loads and stores in wide accesses, 16 bytes of bf16 or twice 16 of f32.
//
//   thread t   x f32 | 8t .. 8t+3 | 8t+4 .. 8t+7 |   ->   y bf16 | 8t .. 8t+7 |
//
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast_cuda.h"
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"

namespace diptych {

namespace {

constexpr int kPerThread = 8;

template <class T>
__device__ __forceinline__ void load_eight(const T* x, int64_t t, int64_t count, float (&out)[8]) {
  constexpr int kSize = Pack<T>::kSize;
#pragma unroll
  for (int part = 0; part < kPerThread / kSize; ++part) {
    const int64_t p = t * (kPerThread / kSize) + part;
    if (p * kSize >= count) return;
    const Pack<T> pack = load_pack(x, p, count);
#pragma unroll
    for (int i = 0; i < kSize; ++i) out[part * kSize + i] = static_cast<float>(pack.v[i]);
  }
}

template <class T>
__device__ __forceinline__ void store_eight(T* y, int64_t t, int64_t count, const float (&v)[8]) {
  constexpr int kSize = Pack<T>::kSize;
#pragma unroll
  for (int part = 0; part < kPerThread / kSize; ++part) {
    const int64_t p = t * (kPerThread / kSize) + part;
    if (p * kSize >= count) return;
    Pack<T> pack;
#pragma unroll
    for (int i = 0; i < kSize; ++i) pack.v[i] = T(v[part * kSize + i]);
    store_pack(y, p, count, pack);
  }
}

template <class From, class To>
__global__ void cast_vector_kernel(const From* x, To* y, int64_t count, bool accumulate) {
  const int64_t t = item_index();
  if (t * kPerThread >= count) return;
  float value[kPerThread] = {}, before[kPerThread] = {};
  load_eight(x, t, count, value);
  if (accumulate) {
    load_eight(y, t, count, before);
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) value[i] += before[i];
  }
  store_eight(y, t, count, value);
}

}  // namespace

void cast_vector_cuda(CudaStream stream, View x, GradView y) {
  const int64_t count = x.shape.numel();
  if (count == 0) return;
  dispatch_device(x.dtype, [&]<class From>() {
    dispatch_device(y.dtype, [&]<class To>() {
      simt::launch(cast_vector_kernel<From, To>, cover(packs_in(count, kPerThread), stream),
                   static_cast<const From*>(x.data), static_cast<To*>(y.data), count,
                   y.accumulate());
    });
  });
}

}  // namespace diptych
