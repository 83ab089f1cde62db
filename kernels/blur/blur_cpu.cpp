// blur on the CPU: for each output row the taps run down the rows into a padded row, then along it.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/blur/blur.h"
#include "kernels/blur/filter_row.h"
#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"

namespace diptych {

namespace {

struct Taps {
  int size = 0, half = 0;
  std::array<float, static_cast<size_t>(4 * kMaxBlurSigma) + 1> weight{};
};

Taps gaussian_taps(double sigma) {
  Taps taps;
  taps.size = blur_size(sigma);
  taps.half = taps.size / 2;
  const auto bell = [&](int i) {
    const double d = i - taps.half;
    return std::exp(-d * d / (2 * sigma * sigma));
  };
  double sum = 0;
  for (int i = 0; i < taps.size; ++i) sum += bell(i);
  for (int i = 0; i < taps.size; ++i)
    taps.weight[static_cast<size_t>(i)] = static_cast<float>(bell(i) / sum);
  return taps;
}

// A worker's rows: one with zeros of `half` pixels on both sides, and one of output.
struct Plan {
  int64_t height, width, channels, row, slots;
  int64_t padded, scratch;  // floats per slot: padded row; both rows

  Plan(const Shape& x, const Taps& taps, int threads)
      : height(x[1]),
        width(x[2]),
        channels(x[3]),
        row(width * channels),
        slots(std::clamp<int64_t>(x.numel() * taps.size / (int64_t{1} << 20), 1, threads)),
        padded((row + 2 * taps.half * channels + 15) / 16 * 16),
        scratch(padded + (row + 15) / 16 * 16) {}
};

// store(row index, blurred row) for every row of x; rows are split over the slots.
template <class Store>
void blur_rows(const float* x,
               int64_t rows,
               const Plan& plan,
               const Taps& taps,
               float* scratch,
               const Store& store) {
  const int64_t border = taps.half * plan.channels;
  parallel_for(plan.slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot) {
      float* const padded = scratch + slot * plan.scratch;
      float* const blurred = padded + plan.padded;
      std::fill_n(padded, plan.padded, 0.0f);
      for (int64_t r = rows * slot / plan.slots; r < rows * (slot + 1) / plan.slots; ++r) {
        const int64_t h = r % plan.height, top = h - taps.half;
        const int64_t begin = std::max<int64_t>(0, -top);
        const int64_t end = std::min<int64_t>(taps.size, plan.height - top);
        filter_row(x + (r - h + top + begin) * plan.row, plan.row, taps.weight.data() + begin,
                   end - begin, padded + border, plan.row);
        filter_row(padded, plan.channels, taps.weight.data(), taps.size, blurred, plan.row);
        store(r, blurred);
      }
    }
  });
}

// How much of the window lies inside the picture, at each of `places` along one axis: 1 with zeros
// for a border, so that the same rules serve both. Each share is stored `repeat` times.
void window_shares(
    const Taps& taps, BlurBorder border, int64_t places, int64_t repeat, float* shares) {
  for (int64_t at = 0; at < places; ++at) {
    float share = 1;
    if (border == BlurBorder::kRenormalised) {
      const int64_t begin = std::max<int64_t>(0, taps.half - at);
      const int64_t end = std::min<int64_t>(taps.size, places + taps.half - at);
      double sum = 0;
      for (int64_t i = begin; i < end; ++i)
        sum += static_cast<double>(taps.weight[static_cast<size_t>(i)]);
      // A whole window sums to 1 up to rounding; exactly 1 keeps the inside as it is.
      share = begin == 0 && end == taps.size ? 1.0f : static_cast<float>(sum);
    }
    std::fill_n(shares + at * repeat, repeat, share);
  }
}

DIPTYCH_CPU_CLONES void soften_row(
    const float* x, const float* across, float down, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float blurred = x[i] / (across[i] * down);
    const float low = blurred < 0.0f ? 0.0f : blurred;  // these comparisons keep NaN
    y[i] = 2.0f * (low > 0.5f ? 0.5f : low);
  }
}

// outside = t (1 - m)
void mask_outside(
    const float* t, const float* m, int64_t pixels, int64_t channels, float* outside) {
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < channels; ++c)
      outside[p * channels + c] = t[p * channels + c] * (1.0f - m[p]);
}

}  // namespace

void blur_cpu(Stream& stream, View x, double sigma, GradView y) {
  if (x.shape.numel() == 0) return;
  const Taps taps = gaussian_taps(sigma);
  const Plan plan(x.shape, taps, stream.threads());
  auto* scratch = static_cast<float*>(
      stream.workspace(static_cast<size_t>(plan.slots * plan.scratch) * sizeof(float)));
  float* const to = y.as<float>();
  blur_rows(x.as<float>(), x.shape[0] * x.shape[1], plan, taps, scratch,
            [&](int64_t r, const float* row) {
              store_row(row, to + r * plan.row, plan.row, y.accumulate());
            });
}

void soft_mask_cpu(Stream& stream, View mask, double sigma, BlurBorder border, MutView y) {
  if (mask.shape.numel() == 0) return;
  const Taps taps = gaussian_taps(sigma);
  const Plan plan(mask.shape, taps, stream.threads());
  const int64_t rows_floats = plan.slots * plan.scratch;
  auto* scratch = static_cast<float*>(
      stream.workspace(static_cast<size_t>(rows_floats + plan.row + plan.height) * sizeof(float)));
  float *const across = scratch + rows_floats, *const down = across + plan.row;
  window_shares(taps, border, plan.width, plan.channels, across);
  window_shares(taps, border, plan.height, 1, down);
  float* const to = y.as<float>();
  blur_rows(mask.as<float>(), mask.shape[0] * plan.height, plan, taps, scratch,
            [&](int64_t r, const float* row) {
              soften_row(row, across, down[r % plan.height], to + r * plan.row, plan.row);
            });
}

void blur_out_cpu(
    Stream& stream, View target, View mask, double sigma, BlurBorder border, MutView y) {
  const int64_t count = target.shape.numel(), pixels = mask.shape.numel();
  if (count == 0) return;
  const Taps taps = gaussian_taps(sigma);
  const Plan plan(target.shape, taps, stream.threads());
  const Plan mask_plan(mask.shape, taps, stream.threads());
  const int64_t rows = target.shape[0] * plan.height, channels = plan.channels;
  const int64_t slot_floats =
      std::max(plan.slots * plan.scratch, mask_plan.slots * mask_plan.scratch);
  auto* scratch = static_cast<float*>(stream.workspace(
      static_cast<size_t>(slot_floats + count + pixels + plan.width + plan.height) *
      sizeof(float)));
  float* const outside = scratch + slot_floats;
  float* const share = outside + count;  // D: how much of the blur lies outside the mask
  float *const across = share + pixels, *const down = across + plan.width;
  window_shares(taps, border, plan.width, 1, across);
  window_shares(taps, border, plan.height, 1, down);
  const float *const t = target.as<float>(), *const m = mask.as<float>();
  float* const to = y.as<float>();
  mask_outside(t, m, pixels, channels, outside);
  blur_rows(m, rows, mask_plan, taps, scratch, [&](int64_t r, const float* row) {
    for (int64_t w = 0; w < plan.width; ++w) {
      const float d = across[w] * down[r % plan.height] - row[w];
      share[r * plan.width + w] = d == 0.0f ? 1.0f : d;
    }
  });
  blur_rows(outside, rows, plan, taps, scratch, [&](int64_t r, const float* row) {
    for (int64_t w = 0; w < plan.width; ++w) {
      const int64_t pixel = r * plan.width + w;
      for (int64_t c = 0; c < channels; ++c) {
        const float filled = row[w * channels + c] / share[pixel];
        const int64_t i = pixel * channels + c;
        to[i] = t[i] * m[pixel] + filled * (1.0f - m[pixel]);
      }
    }
  });
}

}  // namespace diptych
