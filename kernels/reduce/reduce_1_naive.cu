// reduce, step 1: a thread per row.
//
//   thread r   row r | 0 1 2 ... length-1 |  in order, into one double  ->  y[r]
//
// Right, and slow twice over: a few rows keep a few threads busy, and the lanes of a warp read
// `length` elements apart, a sector of 32 bytes for each 4 that they use. Bound by the latency of
// one thread's loads. Step 2 gives a row to many blocks.
// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduction.cuh"

namespace diptych {

namespace {

template <Reduction R, class T>
__global__ void reduce_rows_naive_kernel(
    const T* x, int64_t rows, int64_t length, double divisor, float* y, bool accumulate) {
  const int64_t row = item_index();
  if (row >= rows) return;
  double v = 0;
  for (int64_t i = 0; i < length; ++i)
    v = combine<R>(v, element_of<R>(static_cast<float>(x[row * length + i])));
  put_result(y + row, v, divisor, accumulate);
}

template <class T>
__global__ void spread_rows_naive_kernel(
    const float* dy, int64_t length, double divisor, T* dx, int64_t count, bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const auto share = static_cast<float>(dy[i / length] / divisor);
  dx[i] = T(accumulate ? static_cast<float>(dx[i]) + share : share);
}

__global__ void clip_scale_kernel(const float* sum_of_squares, float limit, float* y) {
  const double squares = *sum_of_squares;
  const double norm = sqrt(squares);
  if (!(squares <= 3.5e38))  // NaN or infinity
    *y = 0.0f;
  else
    *y = norm < limit ? 1.0f : static_cast<float>(limit / norm);
}

}  // namespace

void reduce_rows_naive_cuda(CudaStream stream, const RowsProblem& p, View x, GradView y) {
  if (p.rows == 0) return;
  dispatch_device(x.dtype, [&]<class T>() {
    dispatch_reduction(p.reduction, [&]<Reduction R>() {
      simt::launch(reduce_rows_naive_kernel<R, T>, cover(p.rows, stream),
                   static_cast<const T*>(x.data), p.rows, p.length, p.divisor,
                   static_cast<float*>(y.data), y.accumulate());
    });
  });
}

void spread_rows_naive_cuda(CudaStream stream, View dy, double divisor, GradView dx) {
  const int64_t count = dx.shape.numel();
  if (count == 0) return;
  dispatch_device(dx.dtype, [&]<class T>() {
    simt::launch(spread_rows_naive_kernel<T>, cover(count, stream),
                 static_cast<const float*>(dy.data), count / dy.shape.numel(), divisor,
                 static_cast<T*>(dx.data), count, dx.accumulate());
  });
}

void clip_scale_cuda(CudaStream stream, View sum_of_squares, float limit, MutView y) {
  simt::launch(clip_scale_kernel, cover(1, stream, 1),
               static_cast<const float*>(sum_of_squares.data), limit, static_cast<float*>(y.data));
}

}  // namespace diptych
