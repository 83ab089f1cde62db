// The rungs that the .cu files define and conv2d_cuda.cu lists, and what their hosts' sides share.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/conv2d/conv2d_cuda.h"

namespace diptych {

// conv2d_1_naive.cu
extern const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardNaive;
extern const Conv2dCudaRung<Conv2dCudaBackwardEpilogue> kConv2dBackwardEpilogueNaive;
extern const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataNaive;
extern const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightNaive;

// conv2d_2_tiled.cu
extern const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardTiled;
extern const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataTiled;
extern const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightTiled;

// conv2d_3_mma.cu. Named by their tiles: gemm_m x gemm_n of a block.
extern const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardMma128x128, kConv2dForwardMma64x64,
    kConv2dForwardMma128x16;
extern const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataMma128x128,
    kConv2dBackwardDataMma64x64, kConv2dBackwardDataMma128x16;
extern const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightMma128x128,
    kConv2dBackwardWeightMma64x64, kConv2dBackwardWeightMma16x128;

// conv2d_4_wgmma.cu
extern const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardWgmma128, kConv2dForwardWgmma64;
extern const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataWgmma128,
    kConv2dBackwardDataWgmma64;
extern const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightWgmma128,
    kConv2dBackwardWeightWgmma64;

// conv2d_5_stream_k.cu
extern const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardStreamK;
extern const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataStreamK;

// conv2d_thin.cu
extern const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardThin;
extern const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataThin;
extern const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightThin;

// conv2d_backward_epilogue.cu
extern const Conv2dCudaRung<Conv2dCudaBackwardEpilogue> kConv2dBackwardEpilogueStrips;

// True when pixels, gemm sizes, one image and the weights fit an int, with room for a tile more.
inline bool fits_int(const Conv2dProblem& t) {
  constexpr int64_t kMost = (int64_t{1} << 31) - 4096;
  return int64_t{t.n} * t.h * t.w <= kMost && int64_t{t.n} * t.p() * t.q() <= kMost &&
         int64_t{t.r} * t.s * t.c <= kMost && int64_t{t.r} * t.s * t.k <= kMost &&
         int64_t{t.h} * t.w * t.c <= kMost && int64_t{t.p()} * t.q() * t.k <= kMost &&
         int64_t{t.k} * t.r * t.s * t.c <= kMost;
}

inline unsigned blocks_for(int64_t count, int64_t per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

template <class Args>
size_t no_workspace(const Args&) {
  return 0;
}

template <class Args>
bool always_suits(const Args&) {
  return true;
}

// The most elements, 8, 4, 2 or 1, that can move at once where rows of `row` elements of
// `element_bytes` start at `base`.
inline int move_width(int row, const void* base, int element_bytes) {
  const auto address = reinterpret_cast<uintptr_t>(base);
  int width = 8;
  while (row % width || address % static_cast<uintptr_t>(width * element_bytes)) width /= 2;
  return width;
}

// to[i] (+)= sum over rows of partials[row][i], in a fixed order. partials (rows, count).
void sum_partials(
    const float* partials, int rows, int64_t count, float* to, bool accumulate, CudaStream stream);

// How backward weight splits its long sum over N*P*Q, taken in `steps` steps by each of `tiles`
// blocks: split i takes steps [i * steps_each, (i + 1) * steps_each). More than one split means
// partials to add up.
struct SplitSum {
  int count, steps_each;
};

SplitSum split_steps(int tiles, int steps, int blocks);

// For tiles of bm x bn of (K, R*S*C), bk pixels a step and blocks of which a multiprocessor holds
// `each`. 132 of those are what the largest chips have: a constant, so that the bits of dw do not
// depend on the chip.
inline SplitSum split_sum(const Conv2dProblem& t, int bm, int bn, int bk, int each) {
  return split_steps(static_cast<int>(blocks_for(t.k, bm) * blocks_for(t.r * t.s * t.c, bn)),
                     static_cast<int>(blocks_for(int64_t{t.n} * t.p() * t.q(), bk)), 132 * each);
}

// The workspace of backward weight: partial sums of dw (splits, K,R,S,C), unless there is one
// split, then of db (splits * across, K). db costs no pass of its own: the blocks that share rows
// of da, `across` of them along gemm_n, take turns in summing the pixels that pass them anyway.
struct WeightParts {
  SplitSum split;
  int across;

  size_t bytes(const Conv2dCudaBackwardWeight& a) const;
  float* dw(const Conv2dCudaBackwardWeight& a, void* workspace) const;  // a.dw of a single split
  float* db(const Conv2dCudaBackwardWeight& a, void* workspace) const;  // null: not wanted

  bool accumulates(const Conv2dCudaBackwardWeight& a) const { return whole() && a.accumulate; }

  bool whole() const { return split.count == 1; }

  // The launches after the pass.
  void add_up(const Conv2dCudaBackwardWeight& a, void* workspace, CudaStream stream) const;
};

}  // namespace diptych
