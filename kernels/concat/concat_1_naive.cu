// concat: a thread per element of the part that moves.
//
//   concat_channels, row r      a | Ca |          b |   Cb   |
//                                 v  call 1          v  call 2
//                               y | Ca |   Cb   |            pitch Ca + Cb
//
// Bound by memory. Threads of a warp walk a row, so sectors are full but where a row ends.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/concat/concat_cuda.h"

namespace diptych {

namespace {

template <class T>
__global__ void copy_columns_naive_kernel(const T* from,
                                          ConcatColumns of_from,
                                          T* to,
                                          ConcatColumns of_to,
                                          int64_t items,
                                          int64_t count,
                                          bool accumulate) {
  const int64_t item = item_index();
  if (item >= items) return;
  const int64_t row = item / count, column = item % count;
  const T value = from[row * of_from.pitch + of_from.first + column];
  T& out = to[row * of_to.pitch + of_to.first + column];
  out = accumulate ? T(static_cast<float>(out) + static_cast<float>(value)) : value;
}

template <class T>
__global__ void fill_zero_kernel(T* y, int64_t count) {
  const int64_t i = item_index();
  if (i < count) y[i] = T(0.0f);
}

}  // namespace

void copy_columns_naive_cuda(CudaStream stream,
                             View from,
                             ConcatColumns of_from,
                             GradView to,
                             ConcatColumns of_to,
                             int64_t rows,
                             int64_t count) {
  const int64_t items = rows * count;
  if (items == 0) return;
  dispatch_device(from.dtype, [&]<class T>() {
    simt::launch(copy_columns_naive_kernel<T>, cover(items, stream),
                 static_cast<const T*>(from.data), of_from, static_cast<T*>(to.data), of_to, items,
                 count, to.accumulate());
  });
}

void fill_zero_cuda(CudaStream stream, MutView y, int64_t first, int64_t count) {
  if (count == 0) return;
  dispatch_device(y.dtype, [&]<class T>() {
    simt::launch(fill_zero_kernel<T>, cover(count, stream), static_cast<T*>(y.data) + first, count);
  });
}

}  // namespace diptych
