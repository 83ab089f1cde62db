// gemm, second pass of rungs 3 and 4: adding up the partial results of a split sum in a fixed
// order.
//
//   partials  split 0 | m,n ...      group g of a block adds splits g, g + 8, g + 16, ...
//             split 1 | m,n ...      for 32 neighbouring results; then group 0 adds the
//             ...                    8 sums, the bias or what was there, and stores
//
// Atomics would need no second pass, but would add in another order each time.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm_stream.cuh"

namespace diptych {

namespace {

constexpr int kColumns = 32, kGroups = 8, kThreads = kColumns * kGroups;

template <class T>
__global__ void __launch_bounds__(kThreads) dense_add_splits_kernel(
    const float* __restrict__ partials, int splits, int64_t count, DenseStore<T> store) {
  __shared__ float sums[kGroups][kColumns];
  const int column = static_cast<int>(threadIdx.x) % kColumns;
  const int group = static_cast<int>(threadIdx.x) / kColumns;
  const int64_t at = int64_t{blockIdx.x} * kColumns + column;
  float sum[1] = {0};
  if (at < count)
    for (int split = group; split < splits; split += kGroups)
      sum[0] += partials[split * count + at];
  sums[group][column] = sum[0];
  __syncthreads();  // every group's sum is there
  if (group || at >= count) return;
  for (int g = 1; g < kGroups; ++g) sum[0] += sums[g][column];
  store.put(static_cast<int>(at / store.columns), static_cast<int>(at % store.columns), sum);
}

}  // namespace

template <class T>
void add_splits(
    const float* partials, int splits, int m, const DenseStore<T>& store, CudaStream stream) {
  const int64_t count = int64_t{m} * store.columns;
  simt::launch(dense_add_splits_kernel<T>,
               {.grid = static_cast<unsigned>(tiles_in(count, kColumns)),
                .block = kThreads,
                .stream = stream},
               partials, splits, count, store);
}

template void add_splits(const float*, int, int, const DenseStore<float>&, CudaStream);
template void add_splits(const float*, int, int, const DenseStore<simt::bf16>&, CudaStream);

DenseSplit split_length(int64_t tiles, int length, int step, int m) {
  // Enough blocks for two on each multiprocessor of the largest chips; a constant, so that the bits
  // do not depend on the chip.
  constexpr int kBlocks = 264;
  // A split of L terms reads L weights for each column and writes and reads m f32 partials for it:
  // with L = 16 m these are a quarter of bf16 weights' bytes.
  constexpr int kLeastTermsPerRow = 16;
  const auto steps = static_cast<int>(tiles_in(length, step));
  const int64_t least = tiles_in(int64_t{kLeastTermsPerRow} * m, step);
  int64_t splits = kBlocks / tiles;
  if (splits > steps / least) splits = steps / least;
  if (splits < 1) splits = 1;
  const auto each = static_cast<int>(tiles_in(steps, splits));
  return {static_cast<int>(tiles_in(steps, each)), each * step};
}

}  // namespace diptych
