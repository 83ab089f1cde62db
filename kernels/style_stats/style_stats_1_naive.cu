// style_stats, step 1: a thread per sample and channel, the formulas and nothing else; and the
// backward, a thread per element.
//
//   thread n*C+c   x[n, 0..H*W, c] twice: for the mean, for the spread around it
//
// A batch of 8 colour pictures keeps 24 threads busy: bound by the latency of their loads. Step 2
// gives a sample to many blocks. The backward is bound by memory as it stands.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/style_stats/style_stats.h"
#include "kernels/style_stats/style_stats_cuda.h"

namespace diptych {

namespace {

__global__ void style_stats_naive_kernel(
    const float* x, float* stats, int64_t pairs, int64_t pixels, int64_t channels) {
  const int64_t i = item_index();
  if (i >= pairs) return;
  const int64_t n = i / channels, c = i % channels;
  const float* const mine = x + n * pixels * channels + c;
  double sum = 0;
  for (int64_t p = 0; p < pixels; ++p) sum += mine[p * channels];
  const double mean = sum / static_cast<double>(pixels);
  double squares = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    const double d = mine[p * channels] - mean;
    squares += d * d;
  }
  float* const out = stats + n * 2 * channels + c;
  out[0] = static_cast<float>(mean);
  out[channels] =
      static_cast<float>(sqrt(squares / static_cast<double>(pixels) + kStyleStatsEpsilon));
}

__global__ void style_stats_backward_naive_kernel(const float* x,
                                                  const float* stats,
                                                  const float* dstats,
                                                  float* dx,
                                                  int64_t count,
                                                  int64_t pixels,
                                                  int64_t channels,
                                                  bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const int64_t mu = i / (pixels * channels) * 2 * channels + i % channels, sd = mu + channels;
  const auto share = static_cast<float>(pixels);
  const float d = dstats[mu] / share + dstats[sd] / (share * stats[sd]) * (x[i] - stats[mu]);
  dx[i] = accumulate ? dx[i] + d : d;
}

}  // namespace

void style_stats_naive_cuda(CudaStream stream, View x, MutView stats) {
  const int64_t channels = x.shape[3], pairs = x.shape[0] * channels;
  if (pairs == 0) return;
  simt::launch(style_stats_naive_kernel, cover(pairs, stream), static_cast<const float*>(x.data),
               static_cast<float*>(stats.data), pairs, x.shape[1] * x.shape[2], channels);
}

void style_stats_backward_naive_cuda(
    CudaStream stream, View x, View stats, View dstats, GradView dx) {
  const int64_t count = x.shape.numel();
  if (count == 0) return;
  simt::launch(style_stats_backward_naive_kernel, cover(count, stream),
               static_cast<const float*>(x.data), static_cast<const float*>(stats.data),
               static_cast<const float*>(dstats.data), static_cast<float*>(dx.data), count,
               x.shape[1] * x.shape[2], x.shape[3], dx.accumulate());
}

}  // namespace diptych
