// dssim, step 3: the whole picture loss, mask and squared error included, in one pass each way.
//
// New over step 2: around dssim the loss multiplies both pictures by a mask, takes the mean square
// of their difference, and weighs the two terms; each of these would read and write whole pictures.
// Here the mask meets the pixels as they are loaded, and the tile that filters a position also has
// its pixel for the square.
//
//                       step 2 and its neighbours                  step 3
//   forward   x m, y m; dssim; mean over c; squares; sum          1 kernel, 1 that ends the sums
//   backward  spread; dssim; squares; times m                     1 kernel
//   pictures moved      17                                        5 and the saved derivatives
//
// Tiles cover the picture, not the map: the last rows and columns have squares, but no positions.
// SPDX-License-Identifier: MIT
#include "kernels/dssim/dssim_tiles.cuh"
#include "kernels/dssim/picture_loss_cuda.h"

namespace diptych {

namespace {

struct FusedPlace {
  int h, w;
  bool in_picture, in_map;
  int64_t pixel;
};

__device__ __forceinline__ FusedPlace fused_place(const DssimSizes& d, const DssimPlace& b) {
  const int h = b.row0 + static_cast<int>(threadIdx.y);
  const int w = b.column0 + static_cast<int>(threadIdx.x);
  return {h, w, h < d.h && w < d.w, h < d.p && w < d.q,
          (static_cast<int64_t>(b.n) * d.h + h) * d.w + w};
}

// partial: per block two sums, of l * cs and of squares.
__global__ void __launch_bounds__(kDssimThreads, 3)
    picture_loss_forward_kernel(const float* x,
                                const float* y,
                                const float* mask,
                                DssimSizes d,
                                const __grid_constant__ DssimTaps taps,
                                float* saved,
                                double* partial) {
  auto& t = simt::shared<DssimForwardTile>();
  const DssimPlace b = dssim_place(d);
  const FusedPlace at = fused_place(d, b);
  double similar = 0, squares = 0;
  if (b.row0 < d.p && b.column0 < d.q) {  // the same for the whole block
    load_dssim_pixels(t, x, y, mask, d, taps, b);
    __syncthreads();  // pixels before rows
    filter_dssim_rows(t, taps, b.thread);
    __syncthreads();  // rows before columns
    const DssimMoments m = filter_dssim_columns(t, taps);
    if (at.in_map) {
      const DssimSimilarity s = similarity(m);
      if (saved) save(saved, d, b.n, at.h, at.w, b.c, s);
      similar = s.value;
    }
  }
  if (at.in_picture) {
    const int64_t i = at.pixel * d.c + b.c;
    const float m = mask ? mask[at.pixel] : 1.0f, difference = m * x[i] - m * y[i];
    squares = static_cast<double>(difference) * static_cast<double>(difference);
  }
  similar = simt::block_sum(similar, t.slots);
  __syncthreads();  // the slots have been read
  squares = simt::block_sum(squares, t.slots);
  if (b.thread != 0) return;
  const int64_t block =
      (static_cast<int64_t>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  partial[2 * block] = similar;
  partial[2 * block + 1] = squares;
}

// loss[n] from the partial sums of its channels' blocks: a block per sample.
__global__ void __launch_bounds__(kDssimThreads) picture_loss_sum_kernel(
    const double* partial, int64_t parts, DssimSizes d, PictureLossWeights weights, float* loss) {
  __shared__ double slots[kDssimThreads / 32];
  const double* const mine = partial + static_cast<int64_t>(blockIdx.x) * parts * d.c * 2;
  double similar = 0, squares = 0;
  for (int64_t i = threadIdx.x; i < parts * d.c; i += kDssimThreads) {
    similar += mine[2 * i];
    squares += mine[2 * i + 1];
  }
  similar = simt::block_sum(similar, slots);
  __syncthreads();  // the slots have been read
  squares = simt::block_sum(squares, slots);
  if (threadIdx.x != 0) return;
  const double positions = static_cast<double>(d.p) * d.q * d.c;
  const double pixels = static_cast<double>(d.h) * d.w * d.c;
  loss[blockIdx.x] = static_cast<float>(weights.structure * (1 - similar / positions) / 2 +
                                        weights.squares * squares / pixels);
}

__global__ void __launch_bounds__(kDssimThreads, 2)
    picture_loss_backward_kernel(const float* x,
                                 const float* y,
                                 const float* mask,
                                 const float* saved,
                                 const float* dloss,
                                 DssimSizes d,
                                 const __grid_constant__ DssimTaps taps,
                                 PictureLossWeights share,
                                 float* dy,
                                 bool accumulate) {
  auto& t = simt::shared<DssimBackwardTile>();
  const DssimPlace b = dssim_place(d);
  load_dssim_saved(t, saved, d, taps, b);
  __syncthreads();  // positions before rows
  const DssimFiltered filtered = filter_dssim_saved(t, taps, b.thread);
  const FusedPlace at = fused_place(d, b);
  if (!at.in_picture) return;
  const int64_t i = at.pixel * d.c + b.c;
  const float m = mask ? mask[at.pixel] : 1.0f, u = m * x[i], v = m * y[i];
  const float slope =
      share.squares * (v - u) -
      share.structure * (filtered.of[0] + u * filtered.of[1] + 2 * v * filtered.of[2]);
  const float value = dloss[b.n] * m * slope;
  dy[i] = accumulate ? dy[i] + value : value;
}

// What a sample's dloss contributes per position and per pixel.
PictureLossWeights shares_of(const PictureLossWeights& weights, const DssimProblem& p) {
  const double positions = static_cast<double>(p.p()) * p.q() * p.c;
  const double pixels = static_cast<double>(p.h) * p.w * p.c;
  return {.structure = static_cast<float>(weights.structure / (2 * positions)),
          .squares = static_cast<float>(2 * weights.squares / pixels)};
}

}  // namespace

size_t picture_loss_workspace(const DssimProblem& p) {
  const simt::Config tiles = dssim_tiles(p.n * p.c, p.h, p.w, nullptr);
  return 2 * sizeof(double) * tiles.grid.x * tiles.grid.y * tiles.grid.z;
}

void picture_loss_forward_fused_cuda(CudaStream stream,
                                     const DssimProblem& p,
                                     const PictureLossForward& f) {
  simt::Config config = dssim_tiles(p.n * p.c, p.h, p.w, stream);
  config.smem = sizeof(DssimForwardTile);
  const int64_t parts = int64_t{config.grid.x} * config.grid.y;
  simt::launch(picture_loss_forward_kernel, config, static_cast<const float*>(f.target.data),
               static_cast<const float*>(f.prediction.data), static_cast<const float*>(f.mask.data),
               sizes_of(p), dssim_taps(p.window), static_cast<float*>(f.saved.data),
               static_cast<double*>(f.workspace));
  simt::launch(
      picture_loss_sum_kernel,
      {.grid = static_cast<unsigned>(p.n), .block = kDssimThreads, .smem = 0, .stream = stream},
      static_cast<const double*>(f.workspace), parts, sizes_of(p), f.weights,
      static_cast<float*>(f.loss.data));
}

void picture_loss_backward_fused_cuda(CudaStream stream,
                                      const DssimProblem& p,
                                      const PictureLossBackward& b) {
  simt::Config config = dssim_tiles(p.n * p.c, p.h, p.w, stream);
  config.smem = sizeof(DssimBackwardTile);
  simt::launch(picture_loss_backward_kernel, config, static_cast<const float*>(b.target.data),
               static_cast<const float*>(b.prediction.data), static_cast<const float*>(b.mask.data),
               static_cast<const float*>(b.saved.data), static_cast<const float*>(b.dloss.data),
               sizes_of(p), dssim_taps(p.window), shares_of(b.weights, p),
               static_cast<float*>(b.dprediction.data), b.dprediction.accumulate());
}

}  // namespace diptych
