// The rungs that the .cu files define and gemm_cuda.cu lists, and what their hosts' sides share.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm_cuda.h"

namespace diptych {

// gemm_1_naive.cu
extern const GemmCudaRung<DenseCudaForward> kDenseForwardNaive;
extern const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataNaive;
extern const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightNaive;
extern const GemmCudaRung<DenseCudaBackwardBias> kDenseBackwardBiasNaive;

// gemm_2_tiled.cu
extern const GemmCudaRung<DenseCudaForward> kDenseForwardTiled;
extern const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataTiled;
extern const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightTiled;

// gemm_3_stream.cu
extern const GemmCudaRung<DenseCudaForward> kDenseForwardStream;
extern const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataStream;
extern const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightStream;
extern const GemmCudaRung<DenseCudaBackwardBias> kDenseBackwardBiasStream;

// gemm_4_mma.cu
extern const GemmCudaRung<DenseCudaForward> kDenseForwardMma;
extern const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataMma;
extern const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightMma;

inline int64_t tiles_in(int64_t count, int64_t per_tile) {
  return (count + per_tile - 1) / per_tile;
}

// True when a grid can cover every matrix and indices of rows and columns fit an int, with room for
// a tile more.
inline bool fits_grid(const DenseProblem& t) {
  constexpr int kMost = 1 << 30;
  constexpr int64_t kMostElements = int64_t{1} << 38;
  return t.m <= kMost && t.in <= kMost && t.out <= kMost && int64_t{t.m} * t.in <= kMostElements &&
         int64_t{t.m} * t.out <= kMostElements && int64_t{t.out} * t.in <= kMostElements;
}

template <class Args>
bool accepts_any(const Args& a, int) {
  return fits_grid(a.problem);
}

template <class Args>
bool suits_any(const Args&) {
  return true;
}

template <class Args>
size_t needs_no_workspace(const Args&) {
  return 0;
}

// How a product splits its long sum of `length` terms: split i takes terms [i * each,
// (i + 1) * each). More than one split means partial results, (count, m, columns) f32, to add up.
struct DenseSplit {
  int count, each;

  size_t workspace(int m, int columns) const {
    if (count == 1) return 0;
    return sizeof(float) * static_cast<size_t>(count) * static_cast<size_t>(m) *
           static_cast<size_t>(columns);
  }
};

// For `tiles` blocks' worth of results; each is a multiple of `step` terms.
DenseSplit split_length(int64_t tiles, int length, int step, int m);

}  // namespace diptych
