// blur, step 2: along the rows, then down the columns.
//
// New over step 1: the Gaussian is a product, so two 1-D passes of `size` terms replace size^2.
//
//   pass 1   thread e:  x[y, x-half .. x+half, c]        -> rows[e]     (workspace)
//   pass 2   thread e:  rows[y-half .. y+half, x, c]     -> y[e]
//
// Threads of a warp read side by side in both passes: with NHWC a step down the column moves all of
// them by the same W*C. Bound by the L1 cache: each element is fetched `size` times from there, and
// twice from memory. The mask rules are other stores of the second pass; blur_out runs it twice,
// for the share D and for the picture.
// SPDX-License-Identifier: MIT
#include "kernels/blur/blur_weights.cuh"

namespace diptych {

namespace {

enum class Store { kOverwrite, kAccumulate, kSoftMask, kShare, kBlurOut };

// What the stores of the mask rules read besides the sums. For kBlurOut.
struct BlurOut {
  const float *target, *mask, *share;
};

// The part of a window's weights that lies inside: 1 for a whole window and for zeros as border.
__device__ __forceinline__ float weights_inside(
    const BlurWeights& s, int size, int at, int places, bool renormalise) {
  const int half = size / 2, begin = max(0, half - at), end = min(size, places - at + half);
  if (!renormalise || (begin == 0 && end == size)) return 1.0f;
  float sum = 0;
  for (int i = begin; i < end; ++i) sum += s.w[i];
  return sum;
}

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

__global__ void __launch_bounds__(kBlockThreads) blur_columns_separable_kernel(
    const float* rows, BlurShape b, float* y, Store store, bool renormalise, BlurOut out) {
  auto& s = simt::shared<BlurWeights>();
  make_weights(s, b);
  const int64_t e = item_index();
  if (e >= b.count) return;
  const int half = b.size / 2;
  const Pixel p = pixel_of(b, e);
  float sum = 0;
  for (int i = max(0, half - p.y); i < min(b.size, b.h - p.y + half); ++i)
    sum += s.w[i] * rows[e + static_cast<int64_t>(i - half) * b.w * b.c];
  if (store == Store::kSoftMask || store == Store::kShare) {
    const float inside = weights_inside(s, b.size, p.x, b.w, renormalise) *
                         weights_inside(s, b.size, p.y, b.h, renormalise);
    if (store == Store::kShare) {
      const float d = inside - sum;
      sum = d == 0.0f ? 1.0f : d;
    } else if (sum == sum) {  // a NaN passes
      sum = 2.0f * min(max(sum / inside, 0.0f), 0.5f);
    }
  } else if (store == Store::kBlurOut) {
    const float m = out.mask[e / b.c];
    sum = out.target[e] * m + sum / out.share[e / b.c] * (1.0f - m);
  }
  y[e] = store == Store::kAccumulate ? y[e] + sum : sum;
}

// outside = target (1 - mask)
__global__ void blur_outside_kernel(
    const float* target, const float* mask, float* outside, int64_t count, int channels) {
  const int64_t e = item_index();
  if (e < count) outside[e] = target[e] * (1.0f - mask[e / channels]);
}

struct Run {
  Store store = Store::kOverwrite;
  BlurBorder border = BlurBorder::kZeros;
  BlurOut out = {};
};

void run(CudaStream stream, View x, double sigma, MutView y, const Run& how, void* workspace) {
  if (x.shape.numel() == 0) return;
  simt::Config config = cover(x.shape.numel(), stream);
  config.smem = sizeof(BlurWeights);
  const BlurShape shape = blur_shape(x, sigma);
  auto* const rows = static_cast<float*>(workspace);
  simt::launch(blur_rows_separable_kernel, config, static_cast<const float*>(x.data), shape, rows);
  simt::launch(blur_columns_separable_kernel, config, static_cast<const float*>(rows), shape,
               static_cast<float*>(y.data), how.store, how.border == BlurBorder::kRenormalised,
               how.out);
}

}  // namespace

size_t blur_workspace(View x) {
  return static_cast<size_t>(x.shape.numel()) * sizeof(float);
}

void blur_separable_cuda(CudaStream stream, View x, double sigma, GradView y, void* workspace) {
  run(stream, x, sigma, y, {.store = y.accumulate() ? Store::kAccumulate : Store::kOverwrite},
      workspace);
}

void soft_mask_separable_cuda(
    CudaStream stream, View mask, double sigma, BlurBorder border, MutView y, void* workspace) {
  run(stream, mask, sigma, y, {.store = Store::kSoftMask, .border = border}, workspace);
}

// rows, the picture outside the mask, and the share of a pixel: (2C + 1) floats a pixel.
size_t blur_out_workspace(View target) {
  return static_cast<size_t>(2 * target.shape.numel() + target.shape.rows()) * sizeof(float);
}

void blur_out_separable_cuda(CudaStream stream,
                             View target,
                             View mask,
                             double sigma,
                             BlurBorder border,
                             MutView y,
                             void* workspace) {
  const int64_t count = target.shape.numel();
  if (count == 0) return;
  auto* const rows = static_cast<float*>(workspace);
  float *const outside = rows + count, *const share = outside + count;
  const auto *const t = static_cast<const float*>(target.data), *const m =
                                                                    static_cast<const float*>(
                                                                        mask.data);
  simt::launch(blur_outside_kernel, cover(count, stream), t, m, outside, count,
               static_cast<int>(target.shape[3]));
  run(stream, mask, sigma, {share, mask.shape, DType::kF32},
      {.store = Store::kShare, .border = border}, rows);
  run(stream, {outside, target.shape, DType::kF32}, sigma, y,
      {.store = Store::kBlurOut, .border = border, .out = {t, m, share}}, rows);
}

}  // namespace diptych
