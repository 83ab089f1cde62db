// What both steps of dssim share: the taps, the similarity of one map position with its
// derivatives, and the pass that ends the mean.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "kernels/dssim/dssim_cuda.h"
#include "kernels/reduce/reduction.cuh"

namespace diptych {

constexpr int kMaxTaps = 24;  // exp(-d^2/4.5) is above 1e-12 for d up to 11.15
constexpr int kDssimTile = 16;

struct DssimTaps {
  float weight[kMaxTaps];
  int first, count;  // offsets first .. first + count - 1 of the window
};

struct DssimSizes {
  int h, w, c, p, q;
};

inline DssimSizes sizes_of(const DssimProblem& p) {
  return {p.h, p.w, p.c, p.p(), p.q()};
}

inline DssimTaps dssim_taps(int window) {
  const auto bell = [&](int i) {
    const double d = i - (window - 1) / 2.0;
    return std::exp(-d * d / (2 * 1.5 * 1.5));
  };
  double sum = 0;
  for (int i = 0; i < window; ++i) sum += bell(i);
  DssimTaps taps{};
  for (int i = 0; i < window; ++i) {
    if (bell(i) < 1e-12) continue;
    if (taps.count == 0) taps.first = i;
    taps.weight[taps.count++] = static_cast<float>(bell(i) / sum);
  }
  return taps;
}

struct DssimMoments {
  float a, b, xy, squares;
};

struct DssimSimilarity {
  float value;       // l * cs
  float partial[3];  // with respect to b, g*(xy), g*(x^2+y^2)
};

__device__ __forceinline__ DssimSimilarity similarity(const DssimMoments& m) {
  constexpr float kC1 = 0.01f * 0.01f, kC2 = 0.03f * 0.03f;
  const float ab = 2 * m.a * m.b, both = m.a * m.a + m.b * m.b;
  const float l_below = both + kC1, cs_below = m.squares - both + kC2;
  const float l = (ab + kC1) / l_below, cs = (2 * m.xy - ab + kC2) / cs_below;
  return {l * cs,
          {2 * cs * (m.a - m.b * l) / l_below + 2 * l * (m.b * cs - m.a) / cs_below,
           2 * l / cs_below, -l * cs / cs_below}};
}

__device__ __forceinline__ void save(
    float* saved, const DssimSizes& d, int n, int p, int q, int c, const DssimSimilarity& s) {
#pragma unroll
  for (int k = 0; k < 3; ++k)
    saved[((static_cast<int64_t>(n) * d.p + p) * 3 * d.q + k * d.q + q) * d.c + c] = s.partial[k];
}

// Blocks of a map, for one sample and channel: its partial sums.
inline int64_t dssim_parts(const DssimProblem& p) {
  const int tiles_p = (p.p() + kDssimTile - 1) / kDssimTile;
  const int tiles_q = (p.q() + kDssimTile - 1) / kDssimTile;
  return static_cast<int64_t>(tiles_p) * tiles_q;
}

// loss[n,c] = (1 - mean) / 2 from the partial sums (dssim_1_naive.cu).
void finish_loss(CudaStream stream, const DssimProblem& p, const DssimForward& f);

// A block per tile of a map, or of a picture, and per sample and channel.
inline simt::Config dssim_tiles(int n_c, int rows, int columns, CudaStream stream) {
  const auto tiles = [](int size) {
    return static_cast<unsigned>((size + kDssimTile - 1) / kDssimTile);
  };
  return {.grid = dim3(tiles(columns), tiles(rows), static_cast<unsigned>(n_c)),
          .block = dim3(kDssimTile, kDssimTile),
          .smem = 0,
          .stream = stream};
}

}  // namespace diptych
