// style_stats on the CPU: rows are added up element by element, then the row's pixels are folded
// per channel, so no loop steps by the channel count.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/style_stats/style_stats.h"

namespace diptych {

namespace {

DIPTYCH_CPU_CLONES void add_row(const float* x, double* sums, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += static_cast<double>(x[i]);
}

DIPTYCH_CPU_CLONES void add_square_row(const float* x,
                                       const double* mean,
                                       double* sums,
                                       int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(x[i]) - mean[i];
    sums[i] += d * d;
  }
}

// out = shift + slope (x - mean), each given per element of a row.
DIPTYCH_CPU_CLONES void slope_row(const float* x,
                                  const float* mean,
                                  const float* shift,
                                  const float* slope,
                                  float* out,
                                  int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = shift[i] + slope[i] * (x[i] - mean[i]);
}

// Sum of channel c over a row of per-element sums.
double fold(const double* sums, int64_t row, int64_t channels, int64_t c) {
  double sum = 0;
  for (int64_t i = c; i < row; i += channels) sum += sums[i];
  return sum;
}

template <class T>
void spread(T* out, int64_t row, int64_t channels, int64_t c, T value) {
  for (int64_t i = c; i < row; i += channels) out[i] = value;
}

void stats_of_sample(const float* x,
                     int64_t height,
                     int64_t row,
                     int64_t channels,
                     double* sums,
                     double* means,
                     float* out) {
  const auto pixels = static_cast<double>(height * row / channels);
  std::fill_n(sums, row, 0.0);
  for (int64_t h = 0; h < height; ++h) add_row(x + h * row, sums, row);
  for (int64_t c = 0; c < channels; ++c) {
    const double mean = fold(sums, row, channels, c) / pixels;
    spread(means, row, channels, c, mean);
    out[c] = static_cast<float>(mean);
  }
  std::fill_n(sums, row, 0.0);
  for (int64_t h = 0; h < height; ++h) add_square_row(x + h * row, means, sums, row);
  for (int64_t c = 0; c < channels; ++c) {
    const double variance = fold(sums, row, channels, c) / pixels;
    out[channels + c] = static_cast<float>(std::sqrt(variance + kStyleStatsEpsilon));
  }
}

}  // namespace

void style_stats_cpu(Stream& stream, View x, MutView stats) {
  const int64_t samples = x.shape[0], height = x.shape[1], channels = x.shape[3];
  const int64_t row = x.shape[2] * channels;
  const int64_t slots = std::clamp<int64_t>(samples, 1, stream.threads());
  auto* const scratch =
      static_cast<double*>(stream.workspace(static_cast<size_t>(slots * 2 * row) * sizeof(double)));
  const float* const from = x.as<float>();
  float* const to = stats.as<float>();
  parallel_for(slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot) {
      double* const sums = scratch + slot * 2 * row;
      for (int64_t n = samples * slot / slots; n < samples * (slot + 1) / slots; ++n)
        stats_of_sample(from + n * height * row, height, row, channels, sums, sums + row,
                        to + n * 2 * channels);
    }
  });
}

void style_stats_backward_cpu(Stream& stream, View x, View stats, View dstats, GradView dx) {
  const int64_t samples = x.shape[0], height = x.shape[1], channels = x.shape[3];
  const int64_t row = x.shape[2] * channels;
  const auto pixels = static_cast<float>(height * x.shape[2]);
  const int64_t slots = std::clamp<int64_t>(samples, 1, stream.threads());
  auto* const scratch =
      static_cast<float*>(stream.workspace(static_cast<size_t>(slots * 4 * row) * sizeof(float)));
  const float *const from = x.as<float>(), *const s = stats.as<float>(),
                     *const ds = dstats.as<float>();
  float* const to = dx.as<float>();
  parallel_for(slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot) {
      float* const mean = scratch + slot * 4 * row;
      float *const shift = mean + row, *const slope = shift + row, *const out = slope + row;
      for (int64_t n = samples * slot / slots; n < samples * (slot + 1) / slots; ++n) {
        const float *const mine = s + n * 2 * channels, *const up = ds + n * 2 * channels;
        for (int64_t c = 0; c < channels; ++c) {
          spread(mean, row, channels, c, mine[c]);
          spread(shift, row, channels, c, up[c] / pixels);
          spread(slope, row, channels, c, up[channels + c] / (pixels * mine[channels + c]));
        }
        for (int64_t h = 0; h < height; ++h) {
          const int64_t at = (n * height + h) * row;
          slope_row(from + at, mean, shift, slope, out, row);
          store_row(out, to + at, row, dx.accumulate());
        }
      }
    }
  });
}

}  // namespace diptych
