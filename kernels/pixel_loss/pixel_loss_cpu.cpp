// Squared and absolute error and the mask product on the CPU. The mask is spread over the channels
// chunk by chunk, next to the arithmetic, so the picture passes through memory once.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss_cpu.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/cpu_clones.h"
#include "kernels/reduce/reduce_rows.h"

namespace diptych {

namespace {

DIPTYCH_CPU_CLONES void subtract_row(const float* a, const float* b, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] - b[i];
}

DIPTYCH_CPU_CLONES void multiply_row(const float* a, const float* b, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}

DIPTYCH_CPU_CLONES void absolute_row(float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = std::abs(y[i]);
}

// factor * m * m * d
DIPTYCH_CPU_CLONES void square_slope_row(
    float factor, const float* m, const float* d, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = factor * (m[i] * (m[i] * d[i]));
}

// factor * m * sign(m * d); NaN stays
DIPTYCH_CPU_CLONES void absolute_slope_row(
    float factor, const float* m, const float* d, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float u = m[i] * d[i];
    const float sign = u > 0.0f ? 1.0f : (u < 0.0f ? -1.0f : u);  // u is 0 or NaN here
    y[i] = factor * (m[i] * sign);
  }
}

// out[i] = mask of the pixel of element first + i
void spread_mask(const float* mask, int64_t channels, int64_t first, float* out, int64_t n) {
  if (channels == 1) {
    std::copy_n(mask + first, n, out);
    return;
  }
  int64_t pixel = first / channels, left = channels - first % channels;
  for (int64_t i = 0; i < n;) {
    const int64_t run = std::min(left, n - i);
    for (int64_t k = 0; k < run; ++k) out[i + k] = mask[pixel];
    i += run;
    left = channels;
    ++pixel;
  }
}

struct Sizes {
  int64_t samples, length, channels, pixels;  // length: elements of a sample

  explicit Sizes(const Shape& x)
      : samples(x[0]),
        length(samples == 0 ? 0 : x.numel() / samples),
        channels(x.rank() == 4 ? x[3] : 1),
        pixels(length / channels) {}
};

// The mask of a chunk, or ones.
const float* mask_row(
    View mask, const Sizes& s, int64_t sample, int64_t first, float* buffer, int64_t n) {
  if (mask.defined()) {
    spread_mask(mask.as<float>() + sample * s.pixels, s.channels, first, buffer, n);
  } else {
    std::fill_n(buffer, n, 1.0f);
  }
  return buffer;
}

}  // namespace

void pixel_error_cpu(
    Stream& stream, PixelError kind, View target, View prediction, View mask, MutView loss) {
  const Sizes s(target.shape);
  const float *const t = target.as<float>(), *const p = prediction.as<float>();
  const auto block = [&](int64_t sample, int64_t b) {
    alignas(64) float difference[kRowChunk], spread[kRowChunk];
    const int64_t end = std::min(s.length, (b + 1) * kReduceBlock);
    double sum = 0;
    for (int64_t i = b * kReduceBlock; i < end; i += kRowChunk) {
      const int64_t n = std::min(kRowChunk, end - i), at = sample * s.length + i;
      subtract_row(t + at, p + at, difference, n);
      if (mask.defined())
        multiply_row(difference, mask_row(mask, s, sample, i, spread, n), difference, n);
      if (kind == PixelError::kSquared) {
        sum += dot_row(difference, difference, n);
      } else {
        absolute_row(difference, n);
        sum += sum_row(difference, n);
      }
    }
    return sum;
  };
  sum_pieces(stream, s.samples, blocks_of(s.length), 1.0 / static_cast<double>(s.length),
             loss.as<float>(), block);
}

void pixel_error_backward_cpu(
    PixelError kind, View target, View prediction, View mask, View dloss, GradView dprediction) {
  const Sizes s(target.shape);
  const float *const t = target.as<float>(), *const p = prediction.as<float>();
  const float* const up = dloss.as<float>();
  float* const to = dprediction.as<float>();
  const int64_t blocks = blocks_of(s.length);
  parallel_for(s.samples * blocks, 2, [&](int64_t begin, int64_t finish) {
    alignas(64) float difference[kRowChunk], spread[kRowChunk], out[kRowChunk];
    for (int64_t k = begin; k < finish; ++k) {
      const int64_t sample = k / blocks, first = k % blocks * kReduceBlock;
      const int64_t end = std::min(s.length, first + kReduceBlock);
      const double slope = kind == PixelError::kSquared ? 2.0 : 1.0;
      const auto factor = static_cast<float>(slope * static_cast<double>(up[sample]) /
                                             static_cast<double>(s.length));
      for (int64_t i = first; i < end; i += kRowChunk) {
        const int64_t n = std::min(kRowChunk, end - i), at = sample * s.length + i;
        subtract_row(p + at, t + at, difference, n);
        const float* const m = mask_row(mask, s, sample, i, spread, n);
        if (kind == PixelError::kSquared) {
          square_slope_row(factor, m, difference, out, n);
        } else {
          absolute_slope_row(factor, m, difference, out, n);
        }
        store_row(out, to + at, n, dprediction.accumulate());
      }
    }
  });
}

void mul_mask_cpu(View x, View mask, GradView y) {
  const Sizes s(x.shape);
  const float *const from = x.as<float>(), *const m = mask.as<float>();
  float* const to = y.as<float>();
  const int64_t all = x.shape.numel();
  parallel_for(all, kRowGrain, [&](int64_t begin, int64_t end) {
    alignas(64) float spread[kRowChunk], out[kRowChunk];
    for (int64_t i = begin; i < end; i += kRowChunk) {
      const int64_t n = std::min(kRowChunk, end - i);
      spread_mask(m, s.channels, i, spread, n);
      multiply_row(from + i, spread, out, n);
      store_row(out, to + i, n, y.accumulate());
    }
  });
}

}  // namespace diptych
