// dssim on the CPU. Forward, for each map row: four sums down the rows, the same four along the
// row, then the similarity. Backward, for each picture row: the three saved maps down the rows
// (they lie side by side in a row of saved, so one call does all), then along the row.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "kernels/blur/filter_row.h"
#include "kernels/cast/cast_rows.h"
#include "kernels/dssim/dssim.h"
#include "kernels/dssim/dssim_rows.h"

namespace diptych {

namespace {

constexpr double kSigma = 1.5;
constexpr int kMaxTaps = 24;       // exp(-d^2/4.5) is above 1e-12 for d up to 11.15
constexpr int64_t kBandRows = 16;  // map rows whose sum one worker makes

struct Taps {
  int first = 0;  // position of weight[0] in the window
  int count = 0;
  float weight[kMaxTaps] = {};
};

Taps gaussian_taps(int window) {
  const auto bell = [&](int i) {
    const double d = i - (window - 1) / 2.0;
    return std::exp(-d * d / (2 * kSigma * kSigma));
  };
  Taps taps;
  double sum = 0;
  for (int i = 0; i < window; ++i) sum += bell(i);
  for (int i = 0; i < window; ++i) {
    if (bell(i) < 1e-12) continue;
    if (taps.count == 0) taps.first = i;
    taps.weight[taps.count++] = static_cast<float>(bell(i) / sum);
  }
  return taps;
}

int64_t padded(int64_t floats) {
  return (floats + 15) / 16 * 16;
}

// Floats a forward worker needs: four rows of the picture, four of the map, the values of a map row
// and their sums in double.
struct ForwardScratch {
  int64_t row, map_row, slot;

  explicit ForwardScratch(const DssimProblem& p)
      : row(padded(int64_t{p.w} * p.c)),
        map_row(padded(int64_t{p.q()} * p.c)),
        slot(4 * row + 7 * map_row) {}
};

// The sum of l*cs over map rows [begin, end) of sample n: sums[c].
void forward_band(const DssimProblem& p,
                  const Taps& taps,
                  const float* x,
                  const float* y,
                  float* saved,
                  int64_t n,
                  int64_t begin,
                  int64_t end,
                  float* scratch,
                  double* sums) {
  const ForwardScratch size(p);
  const int64_t row = int64_t{p.w} * p.c, map_row = int64_t{p.q()} * p.c;
  float *down[4], *moments[4];
  for (int k = 0; k < 4; ++k) {
    down[k] = scratch + k * size.row;
    moments[k] = scratch + 4 * size.row + k * size.map_row;
  }
  auto* const total = reinterpret_cast<double*>(scratch + 4 * (size.row + size.map_row));
  float* const values = scratch + 4 * size.row + 6 * size.map_row;
  std::fill_n(total, map_row, 0.0);
  for (int64_t h = begin; h < end; ++h) {
    const int64_t top = (n * p.h + h + taps.first) * row;
    dssim_moments_row(x + top, y + top, row, taps.weight, taps.count, down, row);
    for (int k = 0; k < 4; ++k)
      filter_row(down[k] + taps.first * p.c, p.c, taps.weight, taps.count, moments[k], map_row);
    float* const partial = saved ? saved + (n * p.p() + h) * 3 * map_row : nullptr;
    dssim_similarity_row(moments, partial, values, total, map_row);
  }
  for (int64_t c = 0; c < p.c; ++c) sums[c] = 0;
  for (int64_t q = 0; q < p.q(); ++q)
    for (int64_t c = 0; c < p.c; ++c) sums[c] += total[q * p.c + c];
}

}  // namespace

void dssim_cpu(Stream& stream,
               const DssimProblem& problem,
               View target,
               View prediction,
               MutView loss,
               MutView saved) {
  const DssimProblem p = problem;
  const Taps taps = gaussian_taps(p.window);
  const ForwardScratch size(p);
  const int64_t bands = (p.p() + kBandRows - 1) / kBandRows, work = p.n * bands;
  const int64_t slots = std::min<int64_t>(stream.threads(), work);
  const int64_t partial_sums = work * p.c;
  auto* const sums = static_cast<double*>(
      stream.workspace(static_cast<size_t>(padded(2 * partial_sums) + slots * size.slot) * 4));
  float* const scratch = reinterpret_cast<float*>(sums) + padded(2 * partial_sums);
  const float *const x = target.as<float>(), *const y = prediction.as<float>();
  float* const maps = saved.defined() ? saved.as<float>() : nullptr;
  parallel_for(slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot) {
      for (int64_t i = work * slot / slots; i < work * (slot + 1) / slots; ++i) {
        const int64_t begin = i % bands * kBandRows;
        forward_band(p, taps, x, y, maps, i / bands, begin,
                     std::min<int64_t>(begin + kBandRows, p.p()), scratch + slot * size.slot,
                     sums + i * p.c);
      }
    }
  });
  float* const value = loss.as<float>();
  const double map_size = static_cast<double>(p.p()) * p.q();
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t c = 0; c < p.c; ++c) {
      double sum = 0;
      for (int64_t b = 0; b < bands; ++b) sum += sums[(n * bands + b) * p.c + c];
      value[n * p.c + c] = static_cast<float>((1 - sum / map_size) / 2);
    }
  }
}

namespace {

// Floats a backward worker needs: the filtered row of the three maps, one padded map row, three
// rows of the picture, the factors of a row and the result.
struct BackwardScratch {
  int64_t row, maps, wide, slot;

  explicit BackwardScratch(const DssimProblem& p)
      : row(padded(int64_t{p.w} * p.c)),
        maps(padded(int64_t{3} * p.q() * p.c)),
        wide(padded(int64_t{p.w + p.window - 1} * p.c)),
        slot(maps + wide + 5 * row) {}
};

// Rows [begin, end) of all samples' pictures.
void backward_rows(const DssimProblem& p,
                   const Taps& taps,
                   const float* x,
                   const float* y,
                   const float* saved,
                   const float* dloss,
                   int64_t begin,
                   int64_t end,
                   float* scratch,
                   GradView dprediction) {
  const BackwardScratch size(p);
  const int64_t row = int64_t{p.w} * p.c, map_row = int64_t{p.q()} * p.c;
  const int64_t border = int64_t{p.window - 1} * p.c;
  float *const maps = scratch, *const wide = maps + size.maps, *const factor = wide + size.wide;
  float *const out = factor + size.row, *const filtered = out + size.row;
  float* const parts[3] = {filtered, filtered + size.row, filtered + 2 * size.row};
  std::fill_n(wide, size.wide, 0.0f);
  const double scale = -0.5 / (static_cast<double>(p.p()) * p.q());
  for (int64_t r = begin; r < end; ++r) {
    const int64_t n = r / p.h, h = r % p.h;
    if (r == begin || h == 0)
      for (int64_t i = 0; i < row; ++i)
        factor[i] = static_cast<float>(scale * static_cast<double>(dloss[n * p.c + i % p.c]));
    // The window is symmetric: picture row h meets map rows h - (window-1) + t with weight t.
    const int64_t top = h - (p.window - 1) + taps.first;
    const int64_t from = std::max<int64_t>(0, -top);
    const int64_t to = std::max(from, std::min<int64_t>(taps.count, p.p() - top));
    filter_row(saved + (n * p.p() + top + from) * 3 * map_row, 3 * map_row, taps.weight + from,
               to - from, maps, 3 * map_row);
    for (int k = 0; k < 3; ++k) {
      std::copy_n(maps + k * map_row, map_row, wide + border);
      filter_row(wide + taps.first * p.c, p.c, taps.weight, taps.count, parts[k], row);
    }
    dssim_gradient_row(parts, factor, x + r * row, y + r * row, out, row);
    store_row(out, dprediction.as<float>() + r * row, row, dprediction.accumulate());
  }
}

}  // namespace

void dssim_backward_cpu(Stream& stream,
                        const DssimProblem& problem,
                        View target,
                        View prediction,
                        View saved,
                        View dloss,
                        GradView dprediction) {
  const DssimProblem p = problem;
  const Taps taps = gaussian_taps(p.window);
  const int64_t rows = int64_t{p.n} * p.h;
  const int64_t slots = std::clamp<int64_t>(rows / 16, 1, stream.threads());
  const BackwardScratch size(p);
  auto* const scratch =
      static_cast<float*>(stream.workspace(static_cast<size_t>(slots * size.slot) * 4));
  parallel_for(slots, 1, [&](int64_t first, int64_t last) {
    for (int64_t slot = first; slot < last; ++slot)
      backward_rows(p, taps, target.as<float>(), prediction.as<float>(), saved.as<float>(),
                    dloss.as<float>(), rows * slot / slots, rows * (slot + 1) / slots,
                    scratch + slot * size.slot, dprediction);
  });
}

}  // namespace diptych
