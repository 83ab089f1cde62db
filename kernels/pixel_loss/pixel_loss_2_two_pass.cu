// pixel_loss, step 2: losses by many blocks per sample, in two passes.
//
// New over step 1: a sample is cut into parts of kReduceBlock elements, a block each; a second
// launch combines the parts in order (kernels/reduce step 2 has the picture).
//
//   pass 1   sample n | part 0 | part 1 | ...   -> partial[n][part]
//   pass 2   block n: partial[n][...]           -> loss[n]
//
// Bound by memory: t and p are read once, m once per channel but from the cache.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/pixel_loss/pixel_error.cuh"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduction.cuh"

namespace diptych {

namespace {

int64_t parts_of(View prediction) {
  const int64_t length = prediction.shape.numel() / prediction.shape[0];
  return (length + kReduceBlock - 1) / kReduceBlock;
}

template <PixelErrorPower P>
__global__ void __launch_bounds__(kBlockThreads)
    pixel_error_parts_kernel(PixelArrays a, double* partial) {
  __shared__ double slots[kBlockThreads / 32];
  const int64_t first = static_cast<int64_t>(blockIdx.y) * a.length;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kReduceBlock;
  const int64_t end = begin + kReduceBlock < a.length ? begin + kReduceBlock : a.length;
  double sum = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kBlockThreads)
    sum += pixel_error<P>(a, first + i);
  sum = simt::block_sum(sum, slots);
  if (threadIdx.x == 0) partial[static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x] = sum;
}

}  // namespace

size_t pixel_error_workspace(View prediction) {
  if (prediction.shape.numel() == 0) return 0;
  return static_cast<size_t>(prediction.shape[0] * parts_of(prediction)) * sizeof(double);
}

void pixel_error_two_pass_cuda(CudaStream stream,
                               PixelErrorPower power,
                               View target,
                               View prediction,
                               View mask,
                               MutView loss,
                               void* workspace) {
  if (prediction.shape.numel() == 0) return;
  const auto samples = static_cast<unsigned>(prediction.shape[0]);
  const PixelArrays arrays = pixel_arrays(target, prediction, mask);
  const int64_t parts = parts_of(prediction);
  auto* const partial = static_cast<double*>(workspace);
  const dim3 grid(static_cast<unsigned>(parts), samples);
  dispatch_power(power, [&]<PixelErrorPower P>() {
    simt::launch(pixel_error_parts_kernel<P>,
                 simt::Config{.grid = grid, .block = kBlockThreads, .stream = stream}, arrays,
                 partial);
  });
  simt::launch(combine_parts_kernel<Reduction::kSum>,
               simt::Config{.grid = samples, .block = kBlockThreads, .stream = stream}, partial,
               parts, static_cast<double>(arrays.length), static_cast<float*>(loss.data), false);
}

}  // namespace diptych
