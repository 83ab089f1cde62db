// cast, step 2: a thread per 4 elements.
//
// New over step 1: a thread loads and stores in one access each, 16 bytes of f32 or 8 of bf16. Four
// and not eight: with eight, a thread would touch f32 twice, and a warp's accesses would have gaps.
//
//   thread t   x f32 | 4t .. 4t+3 | 16 bytes   ->   y bf16 | 4t .. 4t+3 | 8 bytes
//
// Bound by memory.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast_cuda.h"
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"

namespace diptych {

namespace {

constexpr int kPerThread = 4;

template <class From, class To>
__global__ void cast_vector_kernel(const From* x, To* y, int64_t count, bool accumulate) {
  const int64_t t = item_index();
  if (t * kPerThread >= count) return;
  const auto value = load_pack<From, kPerThread>(x, t, count);
  Pack<To, kPerThread> before{};
  if (accumulate) before = load_pack<To, kPerThread>(y, t, count);
  Pack<To, kPerThread> out;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    const float v = static_cast<float>(value.v[i]);
    out.v[i] = To(accumulate ? static_cast<float>(before.v[i]) + v : v);
  }
  store_pack(y, t, count, out);
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
