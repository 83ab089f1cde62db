// blur, step 1: a thread per element walks its whole window.
//
//   thread (y,x,c)   | w[i] w[j] x[y+i-half, x+j-half, c] |  size * size terms
//
// Bound by arithmetic and the L1 cache: size^2 multiplications per element, for a Gaussian that
// needs 2 size. Step 2 separates it.
// SPDX-License-Identifier: MIT
#include "kernels/blur/blur_weights.cuh"

namespace diptych {

namespace {

__global__ void __launch_bounds__(kBlockThreads)
    blur_naive_kernel(const float* x, BlurShape b, float* y, bool accumulate) {
  auto& s = simt::shared<BlurWeights>();
  make_weights(s, b);
  const int64_t e = item_index();
  if (e >= b.count) return;
  const Pixel p = pixel_of(b, e);
  const int half = b.size / 2;
  float sum = 0;
  for (int i = max(0, half - p.y); i < min(b.size, b.h - p.y + half); ++i) {
    const float* const row = x + p.image + static_cast<int64_t>(p.y + i - half) * b.w * b.c;
    float along = 0;
    for (int j = max(0, half - p.x); j < min(b.size, b.w - p.x + half); ++j)
      along += s.w[j] * row[static_cast<int64_t>(p.x + j - half) * b.c];
    sum += s.w[i] * along;
  }
  y[e] = accumulate ? y[e] + sum : sum;
}

}  // namespace

void blur_naive_cuda(CudaStream stream, View x, double sigma, GradView y) {
  if (x.shape.numel() == 0) return;
  simt::Config config = cover(x.shape.numel(), stream);
  config.smem = sizeof(BlurWeights);
  simt::launch(blur_naive_kernel, config, static_cast<const float*>(x.data), blur_shape(x, sigma),
               static_cast<float*>(y.data), y.accumulate());
}

}  // namespace diptych
