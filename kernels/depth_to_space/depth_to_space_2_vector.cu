// depth_to_space, step 2: a thread per 16 bytes.
//
// New over step 1: elements travel in packs of 4 f32 or 8 bf16, which one instruction loads and
// one stores; the index arithmetic is paid once per pack. Runs of C/4 elements must hold whole
// packs.
//
//   thread p:  deep |....[pack]....|  --16 bytes-->  wide |..[pack]..|
//
// Bound by memory. A warp moves 512 bytes; sectors are full on both sides whenever a run is a
// multiple of 32 bytes.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"
#include "kernels/depth_to_space/depth_to_space_cuda.h"

namespace diptych {

namespace {

struct DeepShape {
  int w, run;  // run: packs in C/4 elements
};

// Where pack p of the wide side lies on the deep side.
__device__ __forceinline__ int64_t deep_index(const DeepShape& d, int64_t p) {
  const int c = static_cast<int>(p % d.run);
  const int64_t pixel = p / d.run;
  const int column = static_cast<int>(pixel % (2 * d.w));
  const int64_t row = pixel / (2 * d.w);
  const int block = static_cast<int>(2 * (row % 2)) + column % 2;
  return ((row / 2 * d.w + column / 2) * 4 + block) * d.run + c;
}

template <class T>
__device__ __forceinline__ void put(Pack<T>* to, Pack<T> value, bool accumulate) {
  if (accumulate) {
    const Pack<T> before = load_whole(to);
#pragma unroll
    for (int i = 0; i < Pack<T>::kSize; ++i)
      value.v[i] = T(static_cast<float>(before.v[i]) + static_cast<float>(value.v[i]));
  }
  store_whole(to, value);
}

template <class T>
__global__ void depth_to_space_vector_kernel(
    const Pack<T>* deep, Pack<T>* wide, DeepShape d, int64_t packs, bool accumulate) {
  const int64_t p = item_index();
  if (p < packs) put(wide + p, load_whole(deep + deep_index(d, p)), accumulate);
}

template <class T>
__global__ void space_to_depth_vector_kernel(
    const Pack<T>* wide, Pack<T>* deep, DeepShape d, int64_t packs, bool accumulate) {
  const int64_t p = item_index();
  if (p < packs) put(deep + deep_index(d, p), load_whole(wide + p), accumulate);
}

DeepShape shape_of(const Shape& deep, int per_pack) {
  return {static_cast<int>(deep[2]), static_cast<int>(deep[3] / 4 / per_pack)};
}

}  // namespace

bool depth_to_space_vector_accepts(View deep, View wide) {
  const int64_t run_bytes = deep.shape[3] / 4 * static_cast<int64_t>(size_of(deep.dtype));
  return run_bytes % kPackBytes == 0 && pack_aligned(deep.data, wide.data);
}

void depth_to_space_vector_cuda(CudaStream stream, View deep, GradView wide) {
  if (deep.shape.numel() == 0) return;
  dispatch_device(deep.dtype, [&]<class T>() {
    const int64_t packs = deep.shape.numel() / Pack<T>::kSize;
    simt::launch(depth_to_space_vector_kernel<T>, cover(packs, stream),
                 static_cast<const Pack<T>*>(deep.data), static_cast<Pack<T>*>(wide.data),
                 shape_of(deep.shape, Pack<T>::kSize), packs, wide.accumulate());
  });
}

void space_to_depth_vector_cuda(CudaStream stream, View wide, GradView deep) {
  if (deep.shape.numel() == 0) return;
  dispatch_device(deep.dtype, [&]<class T>() {
    const int64_t packs = deep.shape.numel() / Pack<T>::kSize;
    simt::launch(space_to_depth_vector_kernel<T>, cover(packs, stream),
                 static_cast<const Pack<T>*>(wide.data), static_cast<Pack<T>*>(deep.data),
                 shape_of(deep.shape, Pack<T>::kSize), packs, deep.accumulate());
  });
}

}  // namespace diptych
