// reduce, step 2: a block per kReduceBlock elements, then a block per row.
//
// New over step 1: a row is cut into parts of fixed size, each summed by 256 threads whose loads
// stand side by side; the parts are combined by a second launch, in order. Which part an element
// belongs to depends on the sizes alone, so the bits do not depend on the chip, and there is no
// atomic whose order could change.
//
//   pass 1   row | part 0: t0 t1 .. t255, t0 t1 .. | part 1 | ...    -> partial[row][part]
//                  warp tree, then the warps in order
//   pass 2   block r: partial[r][0..parts-1]                         -> y[r]
//
// Bound by memory: every element is read once; the second pass reads a 16384th of it. Double adds
// are rare beside loads of 4 bytes, on chips with few of such units too.
// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduction.cuh"

namespace diptych {

namespace {

int64_t parts_of(const RowsProblem& p) {
  return (p.length + kReduceBlock - 1) / kReduceBlock;
}

template <Reduction R, class T>
__global__ void __launch_bounds__(kBlockThreads)
    reduce_parts_kernel(const T* x, int64_t length, double* partial) {
  __shared__ double slots[32];
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kReduceBlock;
  const int64_t end = begin + kReduceBlock < length ? begin + kReduceBlock : length;
  const T* const row = x + static_cast<int64_t>(blockIdx.y) * length;
  double v = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kBlockThreads)
    v = combine<R>(v, element_of<R>(static_cast<float>(row[i])));
  v = block_combine<R>(v, slots);
  if (threadIdx.x == 0) partial[static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x] = v;
}

}  // namespace

size_t reduce_rows_workspace(const RowsProblem& p) {
  return static_cast<size_t>(p.rows * parts_of(p)) * sizeof(double);
}

void reduce_rows_two_pass_cuda(
    CudaStream stream, const RowsProblem& p, View x, GradView y, void* workspace) {
  if (p.rows == 0) return;
  auto* const partial = static_cast<double*>(workspace);
  const int64_t parts = parts_of(p);
  DIPTYCH_CHECK(p.rows <= 65535, "reduce_rows_two_pass_cuda: ", p.rows, " rows, at most 65535");
  const simt::Config per_part{
      .grid = dim3(static_cast<unsigned>(parts), static_cast<unsigned>(p.rows)),
      .block = kBlockThreads,
      .stream = stream};
  const simt::Config per_row{
      .grid = static_cast<unsigned>(p.rows), .block = kBlockThreads, .stream = stream};
  dispatch_reduction(p.reduction, [&]<Reduction R>() {
    if (parts > 0)
      dispatch_device(x.dtype, [&]<class T>() {
        simt::launch(reduce_parts_kernel<R, T>, per_part, static_cast<const T*>(x.data), p.length,
                     partial);
      });
    simt::launch(combine_parts_kernel<R>, per_row, partial, parts, p.divisor,
                 static_cast<float*>(y.data), y.accumulate());
  });
}

}  // namespace diptych
