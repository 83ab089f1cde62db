// conv2d, rung 3: implicit GEMM on tensor cores, bf16 operands, f32 sums (sm_80 and later).
//
// The idea over rung 2: a warp multiplies 16x16 by 16x8 in one instruction, so feeding it becomes
// the work. Copies go 16 bytes at a time past the registers, several steps ahead:
//
//   step      0     1     2     3     4            a ring of 3 stages (or 4); one barrier a step
//   cp.async [2]   [0]   [1]   [2]   [0]           fills what was read last step
//   mma      [0]   [1]   [2]   [0]   [1]           reads what arrived
//
//   block 128x128, 8 warps:   +----+----+----+----+     a warp: 64x32 = 4x4 mma tiles; per 16 of
//                             | w0 | w2 | w4 | w6 |     gemm_k it fetches 3 KB of fragments by 6
//                             +----+----+----+----+     ldmatrix and multiplies 16 times
//                             | w1 | w3 | w5 | w7 |
//                             +----+----+----+----+
//
// The tile lies in shared memory as global memory had it; where that is the wrong way round
// (w in backward data; both operands in backward weight) ldmatrix.trans turns 8x8 blocks on the way
// to the registers, so no tensor is ever transposed. conv2d_mma.cuh is the engine,
// conv2d_mma_kernels.cuh says where each pass finds its operands.
//
// What bounds it: issue slots. Each thread computes the address of each 16 bytes it copies and a
// warp's mma waits for its own ldmatrix. The next rung hands the addresses to the copy engine and
// the fragments to the tensor core itself.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_mma_launch.cuh"

namespace diptych {

namespace {

using Wide = MmaShape<128, 128, 2, 4, 3>;       // 48 KB: two blocks even on sm_86
using Small = MmaShape<64, 64, 2, 2, 4>;        // 32 KB
using FewColumns = MmaShape<128, 16, 4, 1, 4>;  // heads: 36 KB
using FewRows = MmaShape<16, 128, 1, 4, 4>;

constexpr int kFill = 132;  // blocks that a large chip runs at once
constexpr int kFew = 16;

bool accepts_forward(const Conv2dCudaForward& a, int chip) {
  return chip >= kMmaChip && a.dtype == DType::kBF16 && fits_int(a.problem) &&
         forward_width(a) == 8;
}

bool accepts_backward_data(const Conv2dCudaBackwardData& a, int chip) {
  return chip >= kMmaChip && a.dtype == DType::kBF16 && fits_int(a.problem) && k_width(a) == 8 &&
         c_width(a) == 8;
}

bool accepts_backward_weight(const Conv2dCudaBackwardWeight& a, int chip) {
  return chip >= kMmaChip && a.dtype == DType::kBF16 && fits_int(a.problem) && k_width(a) == 8 &&
         c_width(a) == 8;
}

// Large tiles do more per byte fetched, but only if there are enough of them to go round.
template <class Shape>
bool fills(int64_t gemm_m, int gemm_n, int z) {
  return gemm_n > Shape::BN / 2 &&
         int64_t{blocks_for(gemm_m, Shape::BM)} * blocks_for(gemm_n, Shape::BN) * z >= kFill;
}

template <class Shape>
void forward(const Conv2dCudaForward& a, void*, CudaStream stream) {
  run_forward_mma<Shape, false>(a, stream);
}

template <class Shape>
void backward_data(const Conv2dCudaBackwardData& a, void*, CudaStream stream) {
  run_backward_data_mma<Shape, false>(a, stream);
}

}  // namespace

// Instantiations: 3 passes x 3 tiles.

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardMma128x128 = {
    "mma_128x128", accepts_forward,
    [](const Conv2dCudaForward& a) {
      return fills<Wide>(int64_t{a.problem.n} * a.problem.p() * a.problem.q(), a.problem.k, 1);
    },
    no_workspace, forward<Wide>};

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardMma128x16 = {
    "mma_128x16", accepts_forward, [](const Conv2dCudaForward& a) { return a.problem.k <= kFew; },
    no_workspace, forward<FewColumns>};

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardMma64x64 = {
    "mma_64x64", accepts_forward, always_suits, no_workspace, forward<Small>};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataMma128x128 = {
    "mma_128x128", accepts_backward_data,
    [](const Conv2dCudaBackwardData& a) {
      const ConvDims d = dims_of(a.problem);
      return fills<Wide>(most_phase_pixels(d), d.c, d.stride * d.stride);
    },
    no_workspace, backward_data<Wide>};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataMma128x16 = {
    "mma_128x16", accepts_backward_data,
    [](const Conv2dCudaBackwardData& a) { return a.problem.c <= kFew; }, no_workspace,
    backward_data<FewColumns>};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataMma64x64 = {
    "mma_64x64", accepts_backward_data, always_suits, no_workspace, backward_data<Small>};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightMma128x128 = {
    "mma_128x128", accepts_backward_weight,
    [](const Conv2dCudaBackwardWeight& a) {
      const Conv2dProblem& t = a.problem;
      return t.k > Wide::BM / 2 &&
             fills<Wide>(t.k, t.r * t.s * t.c, parts_mma<Wide>(t).split.count);
    },
    parts_bytes_mma<Wide>, run_backward_weight_mma<Wide, false>};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightMma16x128 = {
    "mma_16x128", accepts_backward_weight,
    [](const Conv2dCudaBackwardWeight& a) { return a.problem.k <= kFew; }, parts_bytes_mma<FewRows>,
    run_backward_weight_mma<FewRows, false>};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightMma64x64 = {
    "mma_64x64", accepts_backward_weight, always_suits, parts_bytes_mma<Small>,
    run_backward_weight_mma<Small, false>};

}  // namespace diptych
