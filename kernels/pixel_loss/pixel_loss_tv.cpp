// Total variation on the CPU: differences between rows, and along a row at a distance of C
// (columns) or 1 within a pixel (channels).
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/common/cpu_clones.h"
#include "kernels/pixel_loss/pixel_loss_cpu.h"
#include "kernels/reduce/reduce_rows.h"

namespace diptych {

namespace {

constexpr int64_t kRowsPerPiece = 16;

// out += a - b
DIPTYCH_CPU_CLONES void add_difference_row(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] += a[i] - b[i];
}

DIPTYCH_CPU_CLONES void difference_row(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] - b[i];
}

// Differences of neighbouring channels, (C-1) per pixel, packed. Returns their number.
int64_t channel_differences(const float* row, int64_t width, int64_t channels, float* out) {
  int64_t count = 0;
  for (int64_t w = 0; w < width; ++w)
    for (int64_t c = 0; c + 1 < channels; ++c, ++count)
      out[count] = row[w * channels + c + 1] - row[w * channels + c];
  return count;
}

struct Picture {
  int64_t height, width, channels, row, slots;

  Picture(const Shape& x, int threads)
      : height(x[1]), width(x[2]), channels(x[3]), row(width * channels), slots(threads) {}
};

// Sum of the squared differences that start in picture row h.
double row_variation(
    TotalVariation form, const Picture& s, const float* at, bool has_next, float* buffer) {
  double sum = 0;
  if (has_next) {
    difference_row(at + s.row, at, buffer, s.row);
    sum += dot_row(buffer, buffer, s.row);
  }
  if (form == TotalVariation::kRowsAndColumns) {
    const int64_t n = std::max<int64_t>(0, s.row - s.channels);
    difference_row(at + s.row - n, at, buffer, n);
    return sum + dot_row(buffer, buffer, n);
  }
  const int64_t n = channel_differences(at, s.width, s.channels, buffer);
  return sum + dot_row(buffer, buffer, n);
}

// out = half of the gradient at picture row h.
void row_slope(TotalVariation form,
               const Picture& s,
               const float* at,
               bool has_last,
               bool has_next,
               float* out) {
  std::fill_n(out, s.row, 0.0f);
  if (has_last) add_difference_row(at, at - s.row, out, s.row);
  if (has_next) add_difference_row(at, at + s.row, out, s.row);
  if (form == TotalVariation::kRowsAndColumns) {
    const int64_t n = std::max<int64_t>(0, s.row - s.channels);
    add_difference_row(at + s.row - n, at, out + s.row - n, n);
    add_difference_row(at, at + s.row - n, out, n);
    return;
  }
  for (int64_t w = 0; w < s.width; ++w) {
    for (int64_t c = 0; c + 1 < s.channels; ++c) {
      const float d = at[w * s.channels + c + 1] - at[w * s.channels + c];
      out[w * s.channels + c + 1] += d;
      out[w * s.channels + c] -= d;
    }
  }
}

}  // namespace

void total_variation_cpu(Stream& stream, TotalVariation form, View x, MutView loss) {
  const Picture s(x.shape, stream.threads());
  const int64_t samples = x.shape[0], pieces = (s.height + kRowsPerPiece - 1) / kRowsPerPiece;
  const int64_t work = samples * pieces, slots = std::clamp<int64_t>(work, 1, s.slots);
  const float* const from = x.as<float>();
  auto* const sums = static_cast<double*>(stream.workspace(
      static_cast<size_t>(work) * sizeof(double) + static_cast<size_t>(slots * s.row) * 4));
  auto* const buffers = reinterpret_cast<float*>(sums + work);
  parallel_for(slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot) {
      for (int64_t i = work * slot / slots; i < work * (slot + 1) / slots; ++i) {
        const int64_t n = i / pieces, begin = i % pieces * kRowsPerPiece;
        sums[i] = 0;
        for (int64_t h = begin; h < std::min(s.height, begin + kRowsPerPiece); ++h)
          sums[i] += row_variation(form, s, from + (n * s.height + h) * s.row, h + 1 < s.height,
                                   buffers + slot * s.row);
      }
    }
  });
  float* const values = loss.as<float>();
  for (int64_t n = 0; n < samples; ++n) {
    double sum = 0;
    for (int64_t p = 0; p < pieces; ++p) sum += sums[n * pieces + p];
    values[n] = static_cast<float>(sum);
  }
}

void total_variation_backward_cpu(
    Stream& stream, TotalVariation form, View x, View dloss, GradView dx) {
  const Picture s(x.shape, stream.threads());
  const int64_t rows = x.shape[0] * s.height, slots = std::clamp<int64_t>(rows / 16, 1, s.slots);
  const float *const from = x.as<float>(), *const up = dloss.as<float>();
  float* const to = dx.as<float>();
  auto* const buffers =
      static_cast<float*>(stream.workspace(static_cast<size_t>(slots * s.row) * sizeof(float)));
  parallel_for(slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot) {
      float* const out = buffers + slot * s.row;
      for (int64_t r = rows * slot / slots; r < rows * (slot + 1) / slots; ++r) {
        const int64_t h = r % s.height;
        row_slope(form, s, from + r * s.row, h > 0, h + 1 < s.height, out);
        const float factor = 2.0f * up[r / s.height];
        for (int64_t i = 0; i < s.row; ++i) out[i] *= factor;
        store_row(out, to + r * s.row, s.row, dx.accumulate());
      }
    }
  });
}

}  // namespace diptych
