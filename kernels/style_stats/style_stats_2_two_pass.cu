// style_stats, step 2: many blocks per sample, in two passes.
//
// New over step 1: a block has the largest number of threads up to 256 that is a multiple of C, so
// a thread meets one channel alone while neighbours read neighbouring elements. A block walks its
// part of the sample twice (the second walk finds it in the L1 cache), and leaves per channel the
// mean of its part and the spread around that mean. The second pass joins the parts in order, by
//
//   spread = sum over parts of [ spread_k + count_k (mean_k - mean)^2 ]
//
//   block (k, n)   x[n] | part 0 | part k: t0 t1 t2 t0 t1 t2 .. | part 2 |
//                  threads of one channel -> shared memory -> the channel's first thread, in order
//
// Bound by memory; no digits are lost to a mean that is far from 0, as they would be with sums of
// squares.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/style_stats/style_stats.h"
#include "kernels/style_stats/style_stats_cuda.h"

namespace diptych {

namespace {

constexpr int kThreads = kStyleStatsMaxChannels;
constexpr int64_t kPartPixels = 2048;  // 24 KiB of colour: stays in the L1 cache for both walks

struct PartStats {
  double mean, spread;
};

// The sum over the block's threads of each channel, in thread c for channel c.
__device__ double channel_sum(double v, int channels, double* slots) {
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  __syncthreads();  // the last sum was read
  slots[thread] = v;
  __syncthreads();  // every thread's value is there
  if (thread >= channels) return 0;
  double sum = 0;
  for (int t = thread; t < threads; t += channels) sum += slots[t];
  return sum;
}

__global__ void __launch_bounds__(kThreads)
    style_stats_parts_kernel(const float* x, PartStats* parts, int64_t pixels, int channels) {
  __shared__ double slots[kThreads];
  __shared__ double means[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kPartPixels;
  const int64_t last = first + kPartPixels < pixels ? first + kPartPixels : pixels;
  const float* const sample = x + static_cast<int64_t>(blockIdx.y) * pixels * channels;
  double sum = 0;
  for (int64_t i = first * channels + thread; i < last * channels; i += blockDim.x)
    sum += sample[i];
  sum = channel_sum(sum, channels, slots);
  if (thread < channels) means[thread] = sum / static_cast<double>(last - first);
  __syncthreads();  // the means are there
  const double mean = means[thread % channels];
  double squares = 0;
  for (int64_t i = first * channels + thread; i < last * channels; i += blockDim.x) {
    const double d = sample[i] - mean;
    squares += d * d;
  }
  squares = channel_sum(squares, channels, slots);
  if (thread >= channels) return;
  const int64_t row = static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  parts[row * channels + thread] = {mean, squares};
}

__global__ void style_stats_join_kernel(const PartStats* parts,
                                        float* stats,
                                        int64_t pairs,
                                        int64_t pixels,
                                        int64_t count,
                                        int channels) {
  const int64_t i = item_index();
  if (i >= pairs) return;
  const int64_t n = i / channels, c = i % channels;
  const PartStats* const mine = parts + n * count * channels + c;
  double mean = 0, spread = 0;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t size = k + 1 < count ? kPartPixels : pixels - k * kPartPixels;
    mean += mine[k * channels].mean * static_cast<double>(size);
  }
  mean /= static_cast<double>(pixels);
  for (int64_t k = 0; k < count; ++k) {
    const int64_t size = k + 1 < count ? kPartPixels : pixels - k * kPartPixels;
    const double d = mine[k * channels].mean - mean;
    spread += mine[k * channels].spread + static_cast<double>(size) * d * d;
  }
  float* const out = stats + n * 2 * channels + c;
  out[0] = static_cast<float>(mean);
  out[channels] =
      static_cast<float>(sqrt(spread / static_cast<double>(pixels) + kStyleStatsEpsilon));
}

int64_t part_count(View x) {
  return (x.shape[1] * x.shape[2] + kPartPixels - 1) / kPartPixels;
}

}  // namespace

size_t style_stats_workspace(View x) {
  return static_cast<size_t>(x.shape[0] * part_count(x) * x.shape[3]) * sizeof(PartStats);
}

bool style_stats_two_pass_accepts(View x) {
  return x.shape[3] <= kStyleStatsMaxChannels && x.shape[0] <= 65535;  // blocks along y
}

void style_stats_two_pass_cuda(CudaStream stream, View x, MutView stats, void* workspace) {
  const int64_t pairs = x.shape[0] * x.shape[3], pixels = x.shape[1] * x.shape[2];
  if (pairs == 0) return;
  const int channels = static_cast<int>(x.shape[3]);
  const int64_t count = part_count(x);
  auto* const parts = static_cast<PartStats*>(workspace);
  const simt::Config config = {
      .grid = dim3(static_cast<unsigned>(count), static_cast<unsigned>(x.shape[0])),
      .block = static_cast<unsigned>(kThreads / channels * channels),
      .smem = 0,
      .stream = stream};
  simt::launch(style_stats_parts_kernel, config, static_cast<const float*>(x.data), parts, pixels,
               channels);
  simt::launch(style_stats_join_kernel, cover(pairs, stream), static_cast<const PartStats*>(parts),
               static_cast<float*>(stats.data), pairs, pixels, count, channels);
}

}  // namespace diptych
