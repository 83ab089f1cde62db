// dssim, step 2: separable filters over tiles in shared memory.
//
// New over step 1: a block loads the pixels under its 16x16 positions once, filters them along the
// rows into a second tile, then down the columns: 2 taps steps instead of taps^2, all from shared
// memory.
//
//   global x, y          shared pixels (39x39)      shared rows (39x16)        a position each
//   | span x span | ---> | x | y |  row taps --->  | a | b | xy | xx+yy |  column taps ---> l cs
//
// Tiles have a pitch of 48 floats: the two half rows that a warp loads or filters at once then use
// different banks (with a pitch of 39 they would share nine). Bound by shared memory: per position
// and tap one read of x and y along, four down. Channels are separate blocks, so a sector of
// interleaved pixels is fetched by each of them, from the cache after the first.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/dssim/dssim_map.cuh"

namespace diptych {

namespace {

constexpr int kThreads = kDssimTile * kDssimTile;
constexpr int kSpan = kDssimTile + kMaxTaps - 1, kPitch = 48;

struct ForwardTile {
  float x[kSpan][kPitch], y[kSpan][kPitch];
  float rows[4][kSpan][kDssimTile];
  double slots[kThreads / 32];
};

struct BackwardTile {
  float saved[3][kSpan][kPitch];
  float rows[3][kSpan][kDssimTile];
};

struct Place {  // of a block
  int thread, n, c, row0, column0;
};

__device__ __forceinline__ Place place_of_block(const DssimSizes& d) {
  return {static_cast<int>(threadIdx.y * kDssimTile + threadIdx.x),
          static_cast<int>(blockIdx.z) / d.c, static_cast<int>(blockIdx.z) % d.c,
          static_cast<int>(blockIdx.y) * kDssimTile, static_cast<int>(blockIdx.x) * kDssimTile};
}

// Pixels under the tile's positions; zeros where no position will look.
__device__ __forceinline__ void load_pixels(ForwardTile& t,
                                            const float* x,
                                            const float* y,
                                            const DssimSizes& d,
                                            const DssimTaps& taps,
                                            const Place& b) {
  const int span = kDssimTile + taps.count - 1;
  for (int r = static_cast<int>(threadIdx.y); r < span; r += kDssimTile)
    for (int s = static_cast<int>(threadIdx.x); s < span; s += kDssimTile) {
      const int h = b.row0 + taps.first + r, w = b.column0 + taps.first + s;
      const bool in = h < d.h && w < d.w;
      const int64_t at = ((static_cast<int64_t>(b.n) * d.h + h) * d.w + w) * d.c + b.c;
      t.x[r][s] = in ? x[at] : 0.0f;
      t.y[r][s] = in ? y[at] : 0.0f;
    }
}

__device__ __forceinline__ void filter_pixel_rows(ForwardTile& t,
                                                  const DssimTaps& taps,
                                                  int thread) {
  const int span = kDssimTile + taps.count - 1;
  for (int i = thread; i < span * kDssimTile; i += kThreads) {
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

__global__ void __launch_bounds__(kThreads) dssim_forward_tiled_kernel(
    const float* x, const float* y, DssimSizes d, DssimTaps taps, float* saved, double* partial) {
  auto& t = simt::shared<ForwardTile>();
  const Place b = place_of_block(d);
  load_pixels(t, x, y, d, taps, b);
  __syncthreads();  // pixels before rows
  filter_pixel_rows(t, taps, b.thread);
  __syncthreads();  // rows before columns
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  float m[4] = {};
  for (int k = 0; k < taps.count; ++k)
#pragma unroll
    for (int moment = 0; moment < 4; ++moment)
      m[moment] += taps.weight[k] * t.rows[moment][ty + k][tx];
  const int p = b.row0 + ty, q = b.column0 + tx;
  double value = 0;
  if (p < d.p && q < d.q) {
    const DssimSimilarity s = similarity({m[0], m[1], m[2], m[3]});
    if (saved) save(saved, d, b.n, p, q, b.c, s);
    value = s.value;
  }
  value = simt::block_sum(value, t.slots);
  if (b.thread == 0)
    partial[(static_cast<int64_t>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] =
        value;
}

// Map positions that the tile's pixels lie under: local (r, s) is position (top + r, left + s).
__device__ __forceinline__ void load_saved(BackwardTile& t,
                                           const float* saved,
                                           const DssimSizes& d,
                                           const DssimTaps& taps,
                                           const Place& b) {
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

__global__ void __launch_bounds__(kThreads) dssim_backward_tiled_kernel(const float* x,
                                                                        const float* y,
                                                                        const float* saved,
                                                                        const float* dloss,
                                                                        DssimSizes d,
                                                                        DssimTaps taps,
                                                                        float* dy,
                                                                        bool accumulate) {
  auto& t = simt::shared<BackwardTile>();
  const Place b = place_of_block(d);
  load_saved(t, saved, d, taps, b);
  __syncthreads();  // positions before rows
  const int span = kDssimTile + taps.count - 1, last = taps.count - 1;
  for (int i = b.thread; i < span * kDssimTile; i += kThreads) {
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
  const int h = b.row0 + ty, w = b.column0 + tx;
  if (h >= d.h || w >= d.w) return;
  float filtered[3] = {};
  for (int i = 0; i < taps.count; ++i)
#pragma unroll
    for (int k = 0; k < 3; ++k) filtered[k] += taps.weight[i] * t.rows[k][ty + last - i][tx];
  const int64_t at = ((static_cast<int64_t>(b.n) * d.h + h) * d.w + w) * d.c + b.c;
  const float factor = -dloss[blockIdx.z] / (2.0f * static_cast<float>(d.p) * d.q);
  const float value = factor * (filtered[0] + x[at] * filtered[1] + 2 * y[at] * filtered[2]);
  dy[at] = accumulate ? dy[at] + value : value;
}

}  // namespace

void dssim_forward_tiled_cuda(CudaStream stream, const DssimProblem& p, const DssimForward& f) {
  simt::Config config = dssim_tiles(p.n * p.c, p.p(), p.q(), stream);
  config.smem = sizeof(ForwardTile);
  simt::launch(dssim_forward_tiled_kernel, config, static_cast<const float*>(f.target.data),
               static_cast<const float*>(f.prediction.data), sizes_of(p), dssim_taps(p.window),
               static_cast<float*>(f.saved.data), static_cast<double*>(f.workspace));
  finish_loss(stream, p, f);
}

void dssim_backward_tiled_cuda(CudaStream stream, const DssimProblem& p, const DssimBackward& b) {
  simt::Config config = dssim_tiles(p.n * p.c, p.h, p.w, stream);
  config.smem = sizeof(BackwardTile);
  simt::launch(dssim_backward_tiled_kernel, config, static_cast<const float*>(b.target.data),
               static_cast<const float*>(b.prediction.data),
               static_cast<const float*>(b.saved.data), static_cast<const float*>(b.dloss.data),
               sizes_of(p), dssim_taps(p.window), static_cast<float*>(b.dprediction.data),
               b.dprediction.accumulate());
}

}  // namespace diptych
