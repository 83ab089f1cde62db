// pixel_loss on the CPU: rows of one sample. Sums go over chunks of f32 differences into double.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss_cpu.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/cpu_clones.h"

namespace diptych {

namespace {

constexpr int64_t kChunk = 1536;  // values: a multiple of 3 channels, 6 KiB

// The mask repeated for each channel, so that the loops over values stay plain.
DIPTYCH_CPU_CLONES void spread(const float* mask, int64_t pixels, int64_t channels, float* out) {
  if (channels == 3) {
    for (int64_t i = 0; i < pixels; ++i) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = mask[i];
    return;
  }
  for (int64_t i = 0; i < pixels; ++i) {
    for (int64_t c = 0; c < channels; ++c) out[i * channels + c] = mask[i];
  }
}

// Sixteen lanes of double, added in a fixed order: vectorises, and the bits do not depend on the
// CPU's width.
template <class Term>
inline double lane_sum(int64_t n, const Term& term) {
  double lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int64_t l = 0; l < 16; ++l) lanes[l] += term(i + l);
  }
  for (; i < n; ++i) lanes[0] += term(i);
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

DIPTYCH_CPU_CLONES double square_sum(const float* t, const float* p, const float* m, int64_t n) {
  return lane_sum(n, [&](int64_t i) {
    const double d = static_cast<double>(m[i]) * (static_cast<double>(t[i]) - p[i]);
    return d * d;
  });
}

DIPTYCH_CPU_CLONES double abs_sum(const float* t, const float* p, const float* m, int64_t n) {
  return lane_sum(n, [&](int64_t i) {
    return std::fabs(static_cast<double>(m[i]) * (static_cast<double>(t[i]) - p[i]));
  });
}

DIPTYCH_CPU_CLONES void square_gradient(
    float factor, const float* t, const float* p, const float* m, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = 2.0f * factor * m[i] * m[i] * (p[i] - t[i]);
}

DIPTYCH_CPU_CLONES void abs_gradient(
    float factor, const float* t, const float* p, const float* m, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    const float d = p[i] - t[i], size = factor * std::fabs(m[i]);
    // d != d lets a NaN through; at 0 the slope is 0.
    out[i] = d > 0 ? size : (d < 0 ? -size : d * size);
  }
}

DIPTYCH_CPU_CLONES void multiply(const float* x, const float* m, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * m[i];
}

DIPTYCH_CPU_CLONES void add_to(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

// Calls body(first value, count, mask per value) chunk by chunk.
template <class Body>
void for_each_chunk(const float* mask, int64_t pixels, int64_t channels, const Body& body) {
  alignas(64) float spread_mask[kChunk];
  const int64_t step = std::max<int64_t>(1, kChunk / channels);
  if (!mask) std::fill_n(spread_mask, kChunk, 1.0f);
  for (int64_t at = 0; at < pixels; at += step) {
    const int64_t count = std::min(step, pixels - at);
    if (mask) spread(mask + at, count, channels, spread_mask);
    body(at * channels, count * channels, static_cast<const float*>(spread_mask));
  }
}

}  // namespace

double pixel_error_sum(ErrorPower power,
                       const float* t,
                       const float* p,
                       const float* mask,
                       int64_t pixels,
                       int64_t channels) {
  double sum = 0;
  for_each_chunk(mask, pixels, channels, [&](int64_t at, int64_t n, const float* m) {
    sum += power == ErrorPower::kSquare ? square_sum(t + at, p + at, m, n)
                                        : abs_sum(t + at, p + at, m, n);
  });
  return sum;
}

void pixel_error_gradient(ErrorPower power,
                          float factor,
                          const float* t,
                          const float* p,
                          const float* mask,
                          int64_t pixels,
                          int64_t channels,
                          float* dp,
                          bool accumulate) {
  for_each_chunk(mask, pixels, channels, [&](int64_t at, int64_t n, const float* m) {
    alignas(64) float buffer[kChunk];
    float* out = accumulate ? buffer : dp + at;
    if (power == ErrorPower::kSquare) {
      square_gradient(factor, t + at, p + at, m, n, out);
    } else {
      abs_gradient(factor, t + at, p + at, m, n, out);
    }
    if (accumulate) add_to(buffer, n, dp + at);
  });
}

void mul_mask_rows(const float* x,
                   const float* mask,
                   int64_t pixels,
                   int64_t channels,
                   float* y,
                   bool accumulate) {
  for_each_chunk(mask, pixels, channels, [&](int64_t at, int64_t n, const float* m) {
    alignas(64) float buffer[kChunk];
    multiply(x + at, m, n, accumulate ? buffer : y + at);
    if (accumulate) add_to(buffer, n, y + at);
  });
}

}  // namespace diptych
