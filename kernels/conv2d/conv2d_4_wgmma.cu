// conv2d, rung 4: bulk tensor copies and warp-group multiplications (sm_90a).
//
// The idea over rung 3: take the addresses and the fragments out of the threads' hands. An
// activation tensor is a 4-D box (C, W, H, N) to the copy engine; a tile of output pixels is chosen
// as a box too, so what a filter tap sees of it is one copy instruction with shifted coordinates.
// The tensor cores read the tiles where they landed.
//
//   pixels of a tile: 16 x 8 of one image          tap (r, s): the same box, moved
//     +----------------+                             (c0, q0*stride+s-pad, p0*stride+r-pad, n)
//     |................|                           rows and columns outside: zeros, by the engine
//     |................| = 128 rows of A           stride 2: the engine steps over every other one
//     +----------------+   of 64 channels
//
//   block: 384 threads    wg 2: one thread, 2 to 4 copies a step      wg 0, 1: 64 x BN each
//   per step and SM       32 KB arrive                                8 wgmma of 64 x 128 x 16
//
// All three passes keep their operands as global memory has them: wgmma reads a tile along either
// index (K-major or MN-major descriptors), which is rung 3's ldmatrix.trans without the ldmatrix.
//
// What bounds it: tensor cores, if the tiles fill the chip and the box wastes few pixels (Q = 5 in
// a box of 8 does 1.6 times the work).
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_wgmma_launch.cuh"

namespace diptych {

namespace {

constexpr int kHalfAChip = 66;  // multiprocessors

// Forward.

template <int BN>
bool suits_forward(const Conv2dCudaForward& a) {
  return deep_enough(a.problem.c) && a.problem.k > BN / 2 &&
         forward_tiles(a.problem).count() * blocks_for(a.problem.k, BN) >= kHalfAChip;
}

template <int BN>
void run_forward(const Conv2dCudaForward& a, void*, CudaStream stream) {
  using Gemm = WgmmaGemm<BN, Major::kDepth, Major::kDepth>;
  const ConvDims d = dims_of(a.problem);
  const PixelTiles tiles = forward_tiles(a.problem);
  simt::launch(conv2d_forward_wgmma_kernel<BN>,
               wgmma_config<Gemm>(tiles.count(), static_cast<int>(blocks_for(d.k, BN)), 1, stream),
               d, tiles, activation_boxes(a.x, d.n, d.h, d.w, d.c, tiles, d.stride),
               weight_boxes(a.w, d, BN), store_of<simt::bf16>(a, store_width(a)));
}

// Backward data.

template <int BN>
bool suits_backward_data(const Conv2dCudaBackwardData& a) {
  const Conv2dProblem& t = a.problem;
  return deep_enough(t.k) && t.c > BN / 2 &&
         phase_tiles(t).count() * blocks_for(t.c, BN) *
                 static_cast<unsigned>(t.stride * t.stride) >=
             kHalfAChip;
}

template <int BN>
void run_backward_data(const Conv2dCudaBackwardData& a, void*, CudaStream stream) {
  using Gemm = WgmmaGemm<BN, Major::kDepth, Major::kRows>;
  const ConvDims d = dims_of(a.problem);
  const PixelTiles tiles = phase_tiles(a.problem);
  simt::launch(conv2d_backward_data_wgmma_kernel<BN>,
               wgmma_config<Gemm>(tiles.count(), static_cast<int>(blocks_for(d.c, BN)),
                                  d.stride * d.stride, stream),
               d, tiles, activation_boxes(a.da, d.n, d.p, d.q, d.k, tiles, 1),
               weight_boxes(a.w, d, 64), store_of<simt::bf16>(a, store_width(a)));
}

// Backward weight.

PixelTiles depth_tiles(const Conv2dProblem& t) {
  return pixel_tiles(t.n, t.p(), t.q(), 6, t.stride);
}

// One block a multiprocessor: what counts is how many rounds of the largest chips the blocks make,
// times what each takes. A constant, so that the bits of dw do not depend on the chip. Of splits
// that are about as fast the fewest: each writes all of dw once more.
SplitSum split_in_rounds(int tiles, int steps) {
  constexpr int kBlocks = 132, kLeastSteps = 8, kMostSplits = 32;
  constexpr int kStart = 3, kStore = 12;  // filling the ring, a part's way out and back: in steps
  const auto cost = [&](int splits) {
    const int each = (steps + splits - 1) / splits;
    const int64_t rounds = blocks_for(int64_t{tiles} * splits, kBlocks);
    return rounds * (each + kStart + (splits > 1 ? kStore : 0));
  };
  int best = 1;
  for (int splits = 2; splits <= kMostSplits && splits <= steps / kLeastSteps; ++splits)
    if (20 * cost(splits) < 19 * cost(best)) best = splits;
  const int each = (steps + best - 1) / best;
  return {(steps + each - 1) / each, each};
}

template <int BN>
WeightParts parts_of(const Conv2dProblem& t) {
  const int across = static_cast<int>(blocks_for(t.c, BN)) * t.r * t.s;
  const int tiles = static_cast<int>(blocks_for(t.k, 128)) * across;
  return {split_in_rounds(tiles, depth_tiles(t).count()), across};
}

bool accepts_backward_weight(const Conv2dCudaBackwardWeight& a, int chip) {
  return hopper_accepts(a.problem, a.dtype, chip) && k_width(a) == 8 && c_width(a) == 8;
}

template <int BN>
bool suits_backward_weight(const Conv2dCudaBackwardWeight& a) {
  const Conv2dProblem& t = a.problem;
  const WeightParts parts = parts_of<BN>(t);
  return t.k > 64 && t.c > BN / 2 &&
         blocks_for(t.k, 128) * static_cast<unsigned>(parts.across * parts.split.count) >=
             kHalfAChip;
}

template <int BN>
void run_backward_weight(const Conv2dCudaBackwardWeight& a, void* workspace, CudaStream stream) {
  using Gemm = WgmmaGemm<BN, Major::kRows, Major::kRows>;
  const ConvDims d = dims_of(a.problem);
  const PixelTiles tiles = depth_tiles(a.problem);
  const WeightParts parts = parts_of<BN>(a.problem);
  float* const to = parts.dw(a, workspace);
  simt::launch(conv2d_backward_weight_wgmma_kernel<BN>,
               wgmma_config<Gemm>(static_cast<int>(blocks_for(d.k, Gemm::BM)), parts.across,
                                  parts.split.count, stream),
               d, tiles, activation_boxes(a.x, d.n, d.h, d.w, d.c, tiles, d.stride),
               activation_boxes(a.da, d.n, d.p, d.q, d.k, tiles, 1), to,
               BiasTurn{parts.db(a, workspace)}, move_width(d.c, to, 4), tiles.count(),
               parts.split.steps_each, parts.accumulates(a));
  parts.add_up(a, workspace, stream);
}

template <int BN>
size_t workspace_backward_weight(const Conv2dCudaBackwardWeight& a) {
  return parts_of<BN>(a.problem).bytes(a);
}

}  // namespace

// Instantiations: 3 passes x BN in {128, 64}.

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardWgmma128 = {
    "wgmma_128x128", wgmma_accepts_forward, suits_forward<128>, no_workspace, run_forward<128>};

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardWgmma64 = {
    "wgmma_128x64", wgmma_accepts_forward, suits_forward<64>, no_workspace, run_forward<64>};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataWgmma128 = {
    "wgmma_128x128", wgmma_accepts_backward_data, suits_backward_data<128>, no_workspace,
    run_backward_data<128>};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataWgmma64 = {
    "wgmma_128x64", wgmma_accepts_backward_data, suits_backward_data<64>, no_workspace,
    run_backward_data<64>};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightWgmma128 = {
    "wgmma_128x128", accepts_backward_weight, suits_backward_weight<128>,
    workspace_backward_weight<128>, run_backward_weight<128>};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightWgmma64 = {
    "wgmma_128x64", accepts_backward_weight, suits_backward_weight<64>,
    workspace_backward_weight<64>, run_backward_weight<64>};

}  // namespace diptych
