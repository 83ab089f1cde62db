// depth_to_space, step 1: a thread per element, the index rule and nothing else.
//
//   thread e of the wide side (n, 2h+i, 2w+j, c)  <->  deep (n, h, w, (2i + j) * C/4 + c)
//
//   wide  | 0 1 2 3 4 5 6 7 | ...     threads of a warp, c fastest
//   deep  | 0 1 2 3 | . . . | 4 5 6 7   the same C/4 run, then a jump of C
//
// Bound by memory: each element is read once and written once. Runs of C/4 elements are contiguous
// on both sides, so a warp's 32 accesses fall in few sectors when C/4 is 32 or more; below that the
// deep side is fetched in pieces. Each thread moves 2 or 4 bytes: many instructions per byte, which
// step 2 mends.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/depth_to_space/depth_to_space_cuda.h"

namespace diptych {

namespace {

struct DeepShape {
  int h, w, run;  // run: C/4
};

// Where element e of the wide side lies on the deep side.
__device__ __forceinline__ int64_t deep_index(const DeepShape& d, int64_t e) {
  const int c = static_cast<int>(e % d.run);
  const int64_t pixel = e / d.run;
  const int column = static_cast<int>(pixel % (2 * d.w));
  const int64_t row = pixel / (2 * d.w);  // over the batch: H is even on the wide side
  const int block = static_cast<int>(2 * (row % 2)) + column % 2;
  return ((row / 2 * d.w + column / 2) * 4 + block) * d.run + c;
}

template <class T>
__device__ __forceinline__ void put(T* to, T value, bool accumulate) {
  *to = accumulate ? T(static_cast<float>(*to) + static_cast<float>(value)) : value;
}

template <class T>
__global__ void depth_to_space_naive_kernel(
    const T* deep, T* wide, DeepShape d, int64_t count, bool accumulate) {
  const int64_t e = item_index();
  if (e < count) put(wide + e, deep[deep_index(d, e)], accumulate);
}

template <class T>
__global__ void space_to_depth_naive_kernel(
    const T* wide, T* deep, DeepShape d, int64_t count, bool accumulate) {
  const int64_t e = item_index();
  if (e < count) put(deep + deep_index(d, e), wide[e], accumulate);
}

DeepShape shape_of(const Shape& deep) {
  return {static_cast<int>(deep[1]), static_cast<int>(deep[2]), static_cast<int>(deep[3] / 4)};
}

}  // namespace

void depth_to_space_naive_cuda(CudaStream stream, View deep, GradView wide) {
  const int64_t count = deep.shape.numel();
  if (count == 0) return;
  dispatch_device(deep.dtype, [&]<class T>() {
    simt::launch(depth_to_space_naive_kernel<T>, cover(count, stream),
                 static_cast<const T*>(deep.data), static_cast<T*>(wide.data), shape_of(deep.shape),
                 count, wide.accumulate());
  });
}

void space_to_depth_naive_cuda(CudaStream stream, View wide, GradView deep) {
  const int64_t count = deep.shape.numel();
  if (count == 0) return;
  dispatch_device(deep.dtype, [&]<class T>() {
    simt::launch(space_to_depth_naive_kernel<T>, cover(count, stream),
                 static_cast<const T*>(wide.data), static_cast<T*>(deep.data), shape_of(deep.shape),
                 count, deep.accumulate());
  });
}

}  // namespace diptych
