// cast, step 1: a thread per element.
//
//   warp   x f32 | 0 1 .. 31 | 128 bytes   ->   y bf16 | 0 1 .. 31 | 64 bytes
//
// Bound by memory. Sectors are full, instructions small; step 2 moves 16 bytes each.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast_cuda.h"
#include "kernels/common/cuda/dispatch.cuh"

namespace diptych {

namespace {

template <class From, class To>
__global__ void cast_naive_kernel(const From* x, To* y, int64_t count, bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const float value = static_cast<float>(x[i]);
  y[i] = To(accumulate ? static_cast<float>(y[i]) + value : value);
}

}  // namespace

void cast_naive_cuda(CudaStream stream, View x, GradView y) {
  const int64_t count = x.shape.numel();
  if (count == 0) return;
  dispatch_device(x.dtype, [&]<class From>() {
    dispatch_device(y.dtype, [&]<class To>() {
      simt::launch(cast_naive_kernel<From, To>, cover(count, stream),
                   static_cast<const From*>(x.data), static_cast<To*>(y.data), count,
                   y.accumulate());
    });
  });
}

}  // namespace diptych
