// blur, step 2: along the rows, then down the columns.
//
// New over step 1: the Gaussian is a product, so two 1-D passes of `size` terms replace size^2.
//
//   pass 1   thread e:  x[y, x-half .. x+half, c]        -> rows[e]     (workspace)
//   pass 2   thread e:  rows[y-half .. y+half, x, c]     -> y[e]
//
// Threads of a warp read side by side in both passes: with NHWC a step down the column moves all of
// them by the same W*C. Bound by the L1 cache: each element is fetched `size` times from there, and
// twice from memory.
// SPDX-License-Identifier: MIT
#include "kernels/blur/blur_weights.cuh"

namespace diptych {

namespace {

enum class Store { kOverwrite, kAccumulate, kSoftMask };

__global__ void __launch_bounds__(kBlockThreads)
    blur_rows_separable_kernel(const float* x, BlurShape b, float* rows) {
  auto& s = simt::shared<BlurWeights>();
  make_weights(s, b);
  const int64_t e = item_index();
  if (e >= b.count) return;
  const int half = b.size / 2, column = pixel_of(b, e).x;
  float sum = 0;
  for (int j = max(0, half - column); j < min(b.size, b.w - column + half); ++j)
    sum += s.w[j] * x[e + static_cast<int64_t>(j - half) * b.c];
  rows[e] = sum;
}

__global__ void __launch_bounds__(kBlockThreads)
    blur_columns_separable_kernel(const float* rows, BlurShape b, float* y, Store store) {
  auto& s = simt::shared<BlurWeights>();
  make_weights(s, b);
  const int64_t e = item_index();
  if (e >= b.count) return;
  const int half = b.size / 2, row = pixel_of(b, e).y;
  float sum = 0;
  for (int i = max(0, half - row); i < min(b.size, b.h - row + half); ++i)
    sum += s.w[i] * rows[e + static_cast<int64_t>(i - half) * b.w * b.c];
  if (store == Store::kSoftMask && sum == sum)  // a NaN passes
    sum = 2.0f * min(max(sum, 0.0f), 0.5f);
  y[e] = store == Store::kAccumulate ? y[e] + sum : sum;
}

void run(CudaStream stream, View x, double sigma, MutView y, Store store, void* workspace) {
  if (x.shape.numel() == 0) return;
  simt::Config config = cover(x.shape.numel(), stream);
  config.smem = sizeof(BlurWeights);
  const BlurShape shape = blur_shape(x, sigma);
  auto* const rows = static_cast<float*>(workspace);
  simt::launch(blur_rows_separable_kernel, config, static_cast<const float*>(x.data), shape, rows);
  simt::launch(blur_columns_separable_kernel, config, rows, shape, static_cast<float*>(y.data),
               store);
}

}  // namespace

size_t blur_workspace(View x) {
  return static_cast<size_t>(x.shape.numel()) * sizeof(float);
}

void blur_separable_cuda(CudaStream stream, View x, double sigma, GradView y, void* workspace) {
  run(stream, x, sigma, y, y.accumulate() ? Store::kAccumulate : Store::kOverwrite, workspace);
}

void soft_mask_separable_cuda(
    CudaStream stream, View mask, double sigma, MutView y, void* workspace) {
  run(stream, mask, sigma, y, Store::kSoftMask, workspace);
}

}  // namespace diptych
