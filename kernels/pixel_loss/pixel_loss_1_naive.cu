// pixel_loss, step 1: losses by a block per sample, gradients and masks by a thread per element.
//
//   loss      block n   t, p, m of sample n | t0 t1 .. t255 | t0 t1 .. |  -> warp tree -> loss[n]
//   backward  thread i  t[i] p[i] m[i / C]  ->  dp[i]
//
// Bound by memory, but for the loss only where the batch has as many samples as the chip can hold
// blocks: a batch of 8 leaves most of a GPU idle. Step 2 cuts samples into parts.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/pixel_loss/pixel_error.cuh"

namespace diptych {

namespace {

template <PixelErrorPower P>
__global__ void __launch_bounds__(kBlockThreads)
    pixel_error_naive_kernel(PixelArrays a, float* loss) {
  __shared__ double slots[kBlockThreads / 32];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * a.length;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < a.length; i += kBlockThreads)
    sum += pixel_error<P>(a, first + i);
  sum = simt::block_sum(sum, slots);
  if (threadIdx.x == 0) loss[blockIdx.x] = static_cast<float>(sum / a.length);
}

template <PixelErrorPower P>
__global__ void pixel_error_backward_naive_kernel(
    PixelArrays a, const float* dloss, float* dp, int64_t count, bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const float d = -pixel_difference(a, i), m = mask_at(a, i);
  const float up = static_cast<float>(dloss[i / a.length] / static_cast<double>(a.length));
  float slope;
  if constexpr (P == PixelErrorPower::kSquared)
    slope = 2.0f * m * d;
  else
    slope = d > 0 ? m : (d < 0 ? -m : d);  // 0 at t = p; NaN stays
  dp[i] = (accumulate ? dp[i] : 0.0f) + up * slope;
}

__global__ void mul_mask_naive_kernel(
    const float* x, const float* mask, int channels, float* y, int64_t count, bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const float product = x[i] * mask[i / channels];
  y[i] = accumulate ? y[i] + product : product;
}

}  // namespace

void pixel_error_naive_cuda(CudaStream stream,
                            PixelErrorPower power,
                            View target,
                            View prediction,
                            View mask,
                            MutView loss) {
  if (prediction.shape.numel() == 0) return;
  dispatch_power(power, [&]<PixelErrorPower P>() {
    simt::launch(pixel_error_naive_kernel<P>,
                 simt::Config{.grid = static_cast<unsigned>(prediction.shape[0]),
                              .block = kBlockThreads,
                              .stream = stream},
                 pixel_arrays(target, prediction, mask), static_cast<float*>(loss.data));
  });
}

void pixel_error_backward_naive_cuda(CudaStream stream,
                                     PixelErrorPower power,
                                     View target,
                                     View prediction,
                                     View mask,
                                     View dloss,
                                     GradView dprediction) {
  const int64_t count = prediction.shape.numel();
  if (count == 0) return;
  dispatch_power(power, [&]<PixelErrorPower P>() {
    simt::launch(pixel_error_backward_naive_kernel<P>, cover(count, stream),
                 pixel_arrays(target, prediction, mask), static_cast<const float*>(dloss.data),
                 static_cast<float*>(dprediction.data), count, dprediction.accumulate());
  });
}

void mul_mask_naive_cuda(CudaStream stream, View x, View mask, GradView y) {
  const int64_t count = x.shape.numel();
  if (count == 0) return;
  simt::launch(mul_mask_naive_kernel, cover(count, stream), static_cast<const float*>(x.data),
               static_cast<const float*>(mask.data), static_cast<int>(x.shape.last()),
               static_cast<float*>(y.data), count, y.accumulate());
}

}  // namespace diptych
