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
#include "kernels/dssim/dssim_tiles.cuh"

namespace diptych {

namespace {

__global__ void __launch_bounds__(kDssimThreads)
    dssim_forward_tiled_kernel(const float* x,
                               const float* y,
                               DssimSizes d,
                               const __grid_constant__ DssimTaps taps,
                               float* saved,
                               double* partial) {
  auto& t = simt::shared<DssimForwardTile>();
  const DssimPlace b = dssim_place(d);
  load_dssim_pixels(t, x, y, nullptr, d, taps, b);
  __syncthreads();  // pixels before rows
  filter_dssim_rows(t, taps, b.thread);
  __syncthreads();  // rows before columns
  const DssimMoments m = filter_dssim_columns(t, taps);
  const int p = b.row0 + static_cast<int>(threadIdx.y);
  const int q = b.column0 + static_cast<int>(threadIdx.x);
  double value = 0;
  if (p < d.p && q < d.q) {
    const DssimSimilarity s = similarity(m);
    if (saved) save(saved, d, b.n, p, q, b.c, s);
    value = s.value;
  }
  value = simt::block_sum(value, t.slots);
  if (b.thread == 0)
    partial[(static_cast<int64_t>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] =
        value;
}

__global__ void __launch_bounds__(kDssimThreads)
    dssim_backward_tiled_kernel(const float* x,
                                const float* y,
                                const float* saved,
                                const float* dloss,
                                DssimSizes d,
                                const __grid_constant__ DssimTaps taps,
                                float* dy,
                                bool accumulate) {
  auto& t = simt::shared<DssimBackwardTile>();
  const DssimPlace b = dssim_place(d);
  load_dssim_saved(t, saved, d, taps, b);
  __syncthreads();  // positions before rows
  const DssimFiltered filtered = filter_dssim_saved(t, taps, b.thread);
  const int h = b.row0 + static_cast<int>(threadIdx.y);
  const int w = b.column0 + static_cast<int>(threadIdx.x);
  if (h >= d.h || w >= d.w) return;
  const int64_t at = ((static_cast<int64_t>(b.n) * d.h + h) * d.w + w) * d.c + b.c;
  const float factor = -dloss[blockIdx.z] / (2.0f * static_cast<float>(d.p) * d.q);
  const float value =
      factor * (filtered.of[0] + x[at] * filtered.of[1] + 2 * y[at] * filtered.of[2]);
  dy[at] = accumulate ? dy[at] + value : value;
}

}  // namespace

void dssim_forward_tiled_cuda(CudaStream stream, const DssimProblem& p, const DssimForward& f) {
  simt::Config config = dssim_tiles(p.n * p.c, p.p(), p.q(), stream);
  config.smem = sizeof(DssimForwardTile);
  simt::launch(dssim_forward_tiled_kernel, config, static_cast<const float*>(f.target.data),
               static_cast<const float*>(f.prediction.data), sizes_of(p), dssim_taps(p.window),
               static_cast<float*>(f.saved.data), static_cast<double*>(f.workspace));
  finish_loss(stream, p, f);
}

void dssim_backward_tiled_cuda(CudaStream stream, const DssimProblem& p, const DssimBackward& b) {
  simt::Config config = dssim_tiles(p.n * p.c, p.h, p.w, stream);
  config.smem = sizeof(DssimBackwardTile);
  simt::launch(dssim_backward_tiled_kernel, config, static_cast<const float*>(b.target.data),
               static_cast<const float*>(b.prediction.data),
               static_cast<const float*>(b.saved.data), static_cast<const float*>(b.dloss.data),
               sizes_of(p), dssim_taps(p.window), static_cast<float*>(b.dprediction.data),
               b.dprediction.accumulate());
}

}  // namespace diptych
