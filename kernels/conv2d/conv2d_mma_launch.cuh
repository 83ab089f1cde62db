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
  return move_width(a.problem.c, a.w, 2);
}

inline int store_width(const Conv2dCudaBackwardData& a) {
  const int width =
      std::min(move_width(a.problem.c, a.dx, 2), move_width(a.problem.c, a.before, 2));
  return a.below.leaky_slope == 1.0f ? width : std::min(width, move_width(a.problem.c, a.x, 2));
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
      store_of<simt::bf16>(a, store_width(a)), k_width(a), c_width(a));
}

template <class Shape>
WeightParts parts_mma(const Conv2dProblem& t) {
  return {split_sum(t, Shape::BM, Shape::BN, Shape::BK, 512 / Shape::kThreads),
          static_cast<int>(blocks_for(t.r * t.s * t.c, Shape::BN))};
}

template <class Shape>
size_t parts_bytes_mma(const Conv2dCudaBackwardWeight& a) {
  return parts_mma<Shape>(a.problem).bytes(a);
}

template <class Shape, bool Any>
void run_backward_weight_mma(const Conv2dCudaBackwardWeight& a,
                             void* workspace,
                             CudaStream stream) {
  using Gemm = MmaGemm<Shape, Major::kRows, Major::kRows>;
  const ConvDims d = dims_of(a.problem);
  const WeightParts parts = parts_mma<Shape>(a.problem);
  float* const to = parts.dw(a, workspace);
  simt::launch(conv2d_backward_weight_mma_kernel<Shape, Any>,
               mma_config<Gemm>(d.k, d.depth(), parts.split.count, Shape::kThreads, stream), d,
               static_cast<const simt::bf16*>(a.x), static_cast<const simt::bf16*>(a.da), to,
               BiasTurn{parts.db(a, workspace)}, k_width(a), c_width(a),
               move_width(d.depth(), to, 4), parts.split.steps_each, parts.accumulates(a));
  parts.add_up(a, workspace, stream);
}

}  // namespace diptych
