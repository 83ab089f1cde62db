// fill, step 1: a thread per element. Bound by the stores; neighbours of a warp fill whole sectors.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/fill/fill_cuda.h"

namespace diptych {

namespace {

template <class T>
__global__ void fill_naive_kernel(float value, T* y, int64_t count) {
  const int64_t i = item_index();
  if (i < count) y[i] = T(value);
}

}  // namespace

void fill_naive_cuda(CudaStream stream, float value, MutView y) {
  const int64_t count = y.shape.numel();
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(fill_naive_kernel<T>, cover(count, stream), value, static_cast<T*>(y.data), count);
  });
}

}  // namespace diptych
