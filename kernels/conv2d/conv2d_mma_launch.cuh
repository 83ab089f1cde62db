// Starting the tensor-core kernels of conv2d: what conv2d_3_mma.cu and conv2d_thin.cu share.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "kernels/conv2d/conv2d_mma_kernels.cuh"
#include "kernels/conv2d/conv2d_rungs.cuh"

namespace diptych {

constexpr int kMmaChip = 80;  // bf16 mma.sync and cp.async

// Elements that may move at once in an activation tensor of `channels` and in w's or dw's rows.
inline int forward_width(const Conv2dCudaForward& a) {
  return std::min(move_width(a.problem.c, a.x, 2), move_width(a.problem.c, a.w, 2));
}

inline int store_width(const Conv2dCudaForward& a) {
  const int run = a.epilogue.depth_to_space ? a.problem.k / 4 : a.problem.k;
  const int width = move_width(run, a.y, static_cast<int>(size_of(a.y_dtype)));
  return a.epilogue.residual ? std::min(width, move_width(a.problem.k, a.residual, 2)) : width;
}

inline int k_width(const Conv2dCudaBackwardData& a) {
  return move_width(a.problem.k, a.da, 2);
}

inline int c_width(const Conv2dCudaBackwardData& a) {
  return std::min(move_width(a.problem.c, a.w, 2), move_width(a.problem.c, a.dx, 2));
}

inline int k_width(const Conv2dCudaBackwardWeight& a) {
  return move_width(a.problem.k, a.da, 2);
}

inline int c_width(const Conv2dCudaBackwardWeight& a) {
  return move_width(a.problem.c, a.x, 2);
}

template <class Gemm>
simt::Config mma_config(int64_t gemm_m, int gemm_n, int z, int threads, CudaStream stream) {
  return {.grid = dim3(blocks_for(gemm_m, Gemm::BM), blocks_for(gemm_n, Gemm::BN),
                       static_cast<unsigned>(z)),
          .block = static_cast<unsigned>(threads),
          .smem = sizeof(typename Gemm::Shared),
          .stream = stream};
}

template <class Shape, bool Any>
void run_forward_mma(const Conv2dCudaForward& a, CudaStream stream) {
  using Gemm = MmaGemm<Shape, Major::kDepth, Major::kDepth>;
  const ConvDims d = dims_of(a.problem);
  simt::launch(conv2d_forward_mma_kernel<Shape, Any>,
               mma_config<Gemm>(d.pixels(), d.k, 1, Shape::kThreads, stream), d,
               static_cast<const simt::bf16*>(a.x), static_cast<const simt::bf16*>(a.w),
               store_of<simt::bf16>(a, store_width(a)), forward_width(a));
}

template <class Shape, bool Any>
void run_backward_data_mma(const Conv2dCudaBackwardData& a, CudaStream stream) {
  using Gemm = MmaGemm<Shape, Major::kDepth, Major::kRows>;
  const ConvDims d = dims_of(a.problem);
  simt::launch(
      conv2d_backward_data_mma_kernel<Shape, Any>,
      mma_config<Gemm>(most_phase_pixels(d), d.c, d.stride * d.stride, Shape::kThreads, stream), d,
      static_cast<const simt::bf16*>(a.da), static_cast<const simt::bf16*>(a.w),
      static_cast<simt::bf16*>(a.dx), k_width(a), c_width(a), a.accumulate);
}

template <class Shape>
SplitSum split_mma(const Conv2dProblem& t) {
  return split_sum(t, Shape::BM, Shape::BN, Shape::BK);
}

template <class Shape>
size_t split_workspace_mma(const Conv2dCudaBackwardWeight& a) {
  return split_workspace(a.problem, split_mma<Shape>(a.problem));
}

template <class Shape, bool Any>
void run_backward_weight_mma(const Conv2dCudaBackwardWeight& a,
                             void* workspace,
                             CudaStream stream) {
  using Gemm = MmaGemm<Shape, Major::kRows, Major::kRows>;
  const ConvDims d = dims_of(a.problem);
  const SplitSum split = split_mma<Shape>(a.problem);
  const bool whole = split.count == 1;
  float* const partials = static_cast<float*>(workspace);
  float* const to = whole ? a.dw : partials;
  simt::launch(conv2d_backward_weight_mma_kernel<Shape, Any>,
               mma_config<Gemm>(d.k, d.depth(), split.count, Shape::kThreads, stream), d,
               static_cast<const simt::bf16*>(a.x), static_cast<const simt::bf16*>(a.da), to,
               k_width(a), c_width(a), move_width(d.depth(), to, 4), split.steps_each,
               whole && a.accumulate);
  if (!whole)
    sum_partials(partials, split.count, int64_t{d.k} * d.depth(), a.dw, a.accumulate, stream);
}

}  // namespace diptych
