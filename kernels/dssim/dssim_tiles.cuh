// Tiles of dssim in shared memory: loading, filtering along the rows, filtering down the columns.
// Rungs 2 and 3 share them.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/reduce.cuh"
#include "kernels/dssim/dssim_map.cuh"

namespace diptych {

constexpr int kDssimThreads = kDssimTile * kDssimTile;
constexpr int kDssimSpan = kDssimTile + kMaxTaps - 1, kDssimPitch = 48;

struct DssimForwardTile {
  float x[kDssimSpan][kDssimPitch], y[kDssimSpan][kDssimPitch];
  float rows[4][kDssimSpan][kDssimTile];
  double slots[kDssimThreads / 32];
};

struct DssimBackwardTile {
  float saved[3][kDssimSpan][kDssimPitch];
  float rows[3][kDssimSpan][kDssimTile];
};

struct DssimPlace {  // of a block
  int thread, n, c, row0, column0;
};

__device__ __forceinline__ DssimPlace dssim_place(const DssimSizes& d) {
  return {static_cast<int>(threadIdx.y * kDssimTile + threadIdx.x),
          static_cast<int>(blockIdx.z) / d.c, static_cast<int>(blockIdx.z) % d.c,
          static_cast<int>(blockIdx.y) * kDssimTile, static_cast<int>(blockIdx.x) * kDssimTile};
}

// Pixels under the tile's positions, multiplied by the mask (N,H,W) when there is one; zeros where
// no position will look.
__device__ __forceinline__ void load_dssim_pixels(DssimForwardTile& t,
                                                  const float* x,
                                                  const float* y,
                                                  const float* mask,
                                                  const DssimSizes& d,
                                                  const DssimTaps& taps,
                                                  const DssimPlace& b) {
  const int span = kDssimTile + taps.count - 1;
  for (int r = static_cast<int>(threadIdx.y); r < span; r += kDssimTile)
    for (int s = static_cast<int>(threadIdx.x); s < span; s += kDssimTile) {
      const int h = b.row0 + taps.first + r, w = b.column0 + taps.first + s;
      const bool in = h < d.h && w < d.w;
      const int64_t pixel = (static_cast<int64_t>(b.n) * d.h + h) * d.w + w, at = pixel * d.c + b.c;
      const float m = mask && in ? mask[pixel] : 1.0f;
      t.x[r][s] = in ? m * x[at] : 0.0f;
      t.y[r][s] = in ? m * y[at] : 0.0f;
    }
}

__device__ __forceinline__ void filter_dssim_rows(DssimForwardTile& t,
                                                  const DssimTaps& taps,
                                                  int thread) {
  const int span = kDssimTile + taps.count - 1;
  for (int i = thread; i < span * kDssimTile; i += kDssimThreads) {
    const int r = i / kDssimTile, s = i % kDssimTile;
    float m[4] = {};
    for (int k = 0; k < taps.count; ++k) {
      const float weight = taps.weight[k], u = t.x[r][s + k], v = t.y[r][s + k];
      m[0] += weight * u;
      m[1] += weight * v;
      m[2] += weight * (u * v);
      m[3] += weight * (u * u + v * v);
    }
#pragma unroll
    for (int moment = 0; moment < 4; ++moment) t.rows[moment][r][s] = m[moment];
  }
}

// The four moments of the position of this thread.
__device__ __forceinline__ DssimMoments filter_dssim_columns(const DssimForwardTile& t,
                                                             const DssimTaps& taps) {
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  float m[4] = {};
  for (int k = 0; k < taps.count; ++k)
#pragma unroll
    for (int moment = 0; moment < 4; ++moment)
      m[moment] += taps.weight[k] * t.rows[moment][ty + k][tx];
  return {m[0], m[1], m[2], m[3]};
}

// Map positions that the tile's pixels lie under: local (r, s) is position (top + r, left + s).
__device__ __forceinline__ void load_dssim_saved(DssimBackwardTile& t,
                                                 const float* saved,
                                                 const DssimSizes& d,
                                                 const DssimTaps& taps,
                                                 const DssimPlace& b) {
  const int span = kDssimTile + taps.count - 1, reach = taps.first + taps.count - 1;
  for (int r = static_cast<int>(threadIdx.y); r < span; r += kDssimTile)
    for (int s = static_cast<int>(threadIdx.x); s < span; s += kDssimTile) {
      const int p = b.row0 - reach + r, q = b.column0 - reach + s;
      const bool in = p >= 0 && p < d.p && q >= 0 && q < d.q;
#pragma unroll
      for (int k = 0; k < 3; ++k)
        t.saved[k][r][s] =
            in ? saved[((static_cast<int64_t>(b.n) * d.p + p) * 3 * d.q + k * d.q + q) * d.c + b.c]
               : 0.0f;
    }
}

// gT*s0, gT*s1, gT*s2 at the pixel of this thread: rows of the tile, a barrier, columns. To be
// called by the whole block.
struct DssimFiltered {
  float of[3];
};

__device__ __forceinline__ DssimFiltered filter_dssim_saved(DssimBackwardTile& t,
                                                            const DssimTaps& taps,
                                                            int thread) {
  const int span = kDssimTile + taps.count - 1, last = taps.count - 1;
  for (int i = thread; i < span * kDssimTile; i += kDssimThreads) {
    const int r = i / kDssimTile, s = i % kDssimTile;
#pragma unroll
    for (int k = 0; k < 3; ++k) {
      float sum = 0;
      for (int j = 0; j < taps.count; ++j) sum += taps.weight[j] * t.saved[k][r][s + last - j];
      t.rows[k][r][s] = sum;
    }
  }
  __syncthreads();  // rows before columns
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  DssimFiltered filtered = {};
  for (int i = 0; i < taps.count; ++i)
#pragma unroll
    for (int k = 0; k < 3; ++k) filtered.of[k] += taps.weight[i] * t.rows[k][ty + last - i][tx];
  return filtered;
}

}  // namespace diptych
