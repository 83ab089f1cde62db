// conv2d, rung 5: a persistent grid that shares out steps instead of tiles (sm_90a).
//
// The idea over rung 4: a layer has as many tiles as it has, and a chip 132 multiprocessors. 140
// tiles take as long as 264, and 66 leave half the chip idle. Stream-K lines up the steps of all
// tiles and gives every block the same number (conv2d_stream_k.cuh). A block stays for all its
// segments: while its consumers store one tile, its producer already fetches the next.
//
//   rung 4, 140 tiles    |########|#.......|      ceil(140 / 132) = 2 rounds, 53 % of the chip busy
//   rung 5               |#########|              1.06 rounds of work, all busy, then the fix-up
//
// What it costs: parts of cut tiles go to memory as f32 and come back, at most 2 a block, and a
// second launch adds them in the blocks' order, so that bits do not depend on who was faster. The
// launcher takes it where rung 4 would leave more than a sixth of the chip idle.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_stream_k.cuh"
#include "kernels/conv2d/conv2d_wgmma_launch.cuh"

namespace diptych {

namespace {

constexpr int kBN = 128;
constexpr unsigned kShares = 128 * kBN / 8 / kFixUpThreads;  // blocks of the fix-up a tile

using ForwardGemm = WgmmaGemm<kBN, Major::kDepth, Major::kDepth>;
using BackwardDataGemm = WgmmaGemm<kBN, Major::kDepth, Major::kRows>;

// Tiles in rows of `across` along gemm_n.
struct TileGrid {
  PixelTiles pixels;
  int across;

  int count() const { return pixels.count() * across; }
};

__device__ void put_forward(const ConvDims& d,
                            const TileGrid& grid,
                            const ForwardStore<simt::bf16>& store,
                            int tile,
                            int row,
                            int column,
                            float (&run)[8]) {
  const Pixel at = grid.pixels.at(grid.pixels.origin(tile / grid.across), row);
  if (at.n < d.n && inside(at.y, at.x, d.p, d.q))
    put_run(store, d, (at.n * d.p + at.y) * d.q + at.x, tile % grid.across * kBN + column, run);
}

__global__ void __launch_bounds__(ForwardGemm::kThreads, 1)
    conv2d_forward_stream_k_kernel(ConvDims d,
                                   TileGrid grid,
                                   StreamK k,
                                   const __grid_constant__ simt::TensorMap x,
                                   const __grid_constant__ simt::TensorMap w,
                                   ForwardStore<simt::bf16> store,
                                   float* partials) {
#if DIPTYCH_SM90A
  auto& shared = simt::shared<typename ForwardGemm::Shared>();
  const int chunks = (d.c + 63) / 64;
  run_stream_k<ForwardGemm>(
      shared, k, partials,
      [&](simt::bf16* a, simt::bf16* b, simt::Mbarrier& full, int tile, int step) {
        const Pixel origin = grid.pixels.origin(tile / grid.across);
        const int c = step % chunks * 64, tap = step / chunks;
        const int r = tap / d.s, s = tap % d.s;
        simt::tma_load_4d(a, x, full, c, origin.x * d.stride + s - d.pad_left,
                          origin.y * d.stride + r - d.pad_top, origin.n);
        simt::tma_load_4d(b, w, full, c, s, r, tile % grid.across * kBN);
      },
      [&](int tile, int row, int column, float(&run)[8]) {
        put_forward(d, grid, store, tile, row, column, run);
      });
#endif
}

__global__ void __launch_bounds__(kFixUpThreads) conv2d_forward_fix_up_kernel(
    ConvDims d, TileGrid grid, StreamK k, ForwardStore<simt::bf16> store, const float* partials) {
  fix_up_stream_k<ForwardGemm>(k, partials, [&](int tile, int row, int column, float(&run)[8]) {
    put_forward(d, grid, store, tile, row, column, run);
  });
}

// Strides have phases of unequal length, which rung 4 keeps: here stride 1, a single phase.
__device__ void put_data(const ConvDims& d,
                         const TileGrid& grid,
                         const DataStore<simt::bf16>& store,
                         int tile,
                         int row,
                         int column,
                         float (&run)[8]) {
  const Pixel at = grid.pixels.at(grid.pixels.origin(tile / grid.across), row);
  if (at.n < d.n && inside(at.y, at.x, d.h, d.w))
    put_run(store, d, at, tile % grid.across * kBN + column, run);
}

__global__ void __launch_bounds__(BackwardDataGemm::kThreads, 1)
    conv2d_backward_data_stream_k_kernel(ConvDims d,
                                         TileGrid grid,
                                         StreamK k,
                                         const __grid_constant__ simt::TensorMap da,
                                         const __grid_constant__ simt::TensorMap w,
                                         DataStore<simt::bf16> store,
                                         float* partials) {
#if DIPTYCH_SM90A
  using Gemm = BackwardDataGemm;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const int chunks = (d.k + 63) / 64;
  run_stream_k<Gemm>(
      shared, k, partials,
      [&](simt::bf16* a, simt::bf16* b, simt::Mbarrier& full, int tile, int step) {
        const Pixel origin = grid.pixels.origin(tile / grid.across);
        const int from = step % chunks * 64, tap = step / chunks;
        const int r = tap / d.s, s = tap % d.s;
        simt::tma_load_4d(a, da, full, from, origin.x + d.pad_left - s, origin.y + d.pad_top - r,
                          origin.n);
        for (int i = 0; i < kBN / 64; ++i)
          simt::tma_load_4d(b + i * Gemm::kBox, w, full, tile % grid.across * kBN + i * 64, s, r,
                            from);
      },
      [&](int tile, int row, int column, float(&run)[8]) {
        put_data(d, grid, store, tile, row, column, run);
      });
#endif
}

__global__ void __launch_bounds__(kFixUpThreads) conv2d_backward_data_fix_up_kernel(
    ConvDims d, TileGrid grid, StreamK k, DataStore<simt::bf16> store, const float* partials) {
  fix_up_stream_k<BackwardDataGemm>(k, partials,
                                    [&](int tile, int row, int column, float(&run)[8]) {
                                      put_data(d, grid, store, tile, row, column, run);
                                    });
}

// Rung 4 runs whole tiles in rounds of a chip: worth cutting when the last round leaves it idle for
// more than a sixth of the time, and there is work for every block. Tiles that fill less than half
// of a chip are cut as soon as a block's share is half a tile: a few long sums would take the time
// of one, whatever the chip's size.
bool rounds_waste(const StreamK& k) {
  if (2 * k.tiles <= StreamK::kBlocks && 2 * k.each <= k.steps) return true;
  if (k.all() < int64_t{StreamK::kBlocks} * 2 * StreamK::kLeastSteps) return false;
  const int rounds = (k.tiles + StreamK::kBlocks - 1) / StreamK::kBlocks;
  return 6 * k.tiles < 5 * rounds * StreamK::kBlocks;
}

size_t slot_bytes(const StreamK& k) {
  return sizeof(float) * 2 * static_cast<size_t>(k.blocks()) * 128 * kBN;
}

TileGrid forward_grid(const Conv2dProblem& t) {
  return {forward_tiles(t), static_cast<int>(blocks_for(t.k, kBN))};
}

StreamK forward_split(const Conv2dProblem& t) {
  return stream_k(forward_grid(t).count(), t.r * t.s * static_cast<int>(blocks_for(t.c, 64)));
}

TileGrid data_grid(const Conv2dProblem& t) {
  return {phase_tiles(t), static_cast<int>(blocks_for(t.c, kBN))};
}

StreamK data_split(const Conv2dProblem& t) {
  return stream_k(data_grid(t).count(), t.r * t.s * static_cast<int>(blocks_for(t.k, 64)));
}

simt::Config fix_up_config(const StreamK& k, CudaStream stream) {
  return {.grid = dim3(static_cast<unsigned>(k.tiles), kShares),
          .block = kFixUpThreads,
          .smem = 0,
          .stream = stream};
}

void run_forward(const Conv2dCudaForward& a, void* workspace, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  const TileGrid grid = forward_grid(a.problem);
  const StreamK k = forward_split(a.problem);
  const auto store = store_of<simt::bf16>(a, store_width(a));
  auto* const partials = static_cast<float*>(workspace);
  simt::launch(conv2d_forward_stream_k_kernel, wgmma_config<ForwardGemm>(k.blocks(), 1, 1, stream),
               d, grid, k, activation_boxes(a.x, d.n, d.h, d.w, d.c, grid.pixels, d.stride),
               weight_boxes(a.w, d, kBN), store, partials);
  simt::launch(conv2d_forward_fix_up_kernel, fix_up_config(k, stream), d, grid, k, store, partials);
}

void run_backward_data(const Conv2dCudaBackwardData& a, void* workspace, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  const TileGrid grid = data_grid(a.problem);
  const StreamK k = data_split(a.problem);
  const auto store = store_of<simt::bf16>(a, store_width(a));
  auto* const partials = static_cast<float*>(workspace);
  simt::launch(conv2d_backward_data_stream_k_kernel,
               wgmma_config<BackwardDataGemm>(k.blocks(), 1, 1, stream), d, grid, k,
               activation_boxes(a.da, d.n, d.p, d.q, d.k, grid.pixels, 1), weight_boxes(a.w, d, 64),
               store, partials);
  simt::launch(conv2d_backward_data_fix_up_kernel, fix_up_config(k, stream), d, grid, k, store,
               partials);
}

}  // namespace

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardStreamK = {
    "wgmma_stream_k", wgmma_accepts_forward,
    [](const Conv2dCudaForward& a) {
      return deep_enough(a.problem.c) && a.problem.k > kBN / 2 &&
             rounds_waste(forward_split(a.problem));
    },
    [](const Conv2dCudaForward& a) { return slot_bytes(forward_split(a.problem)); }, run_forward};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataStreamK = {
    "wgmma_stream_k",
    [](const Conv2dCudaBackwardData& a, int chip) {
      return a.problem.stride == 1 && wgmma_accepts_backward_data(a, chip);
    },
    [](const Conv2dCudaBackwardData& a) {
      return deep_enough(a.problem.k) && a.problem.c > kBN / 2 &&
             rounds_waste(data_split(a.problem));
    },
    [](const Conv2dCudaBackwardData& a) { return slot_bytes(data_split(a.problem)); },
    run_backward_data};

}  // namespace diptych
