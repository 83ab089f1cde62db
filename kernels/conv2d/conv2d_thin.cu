// conv2d for thin layers: channels that do not come in eights, so that 16-byte copies do not fit.
//
// The networks have them at both ends: 3 colour channels in, 12 or 1 out; widths in between are
// stored in eights (tensor/channels.h). They hold a few percent of the multiplications but large
// images, so they are bound by memory, and what costs is fetching elements one by one. The kernels
// are rung 3's with another fill: chunks are put together from pieces of 4, 2 or 1 elements,
// whatever the channels divide into, each with its own tap:
//
//   c = 3, 5x5:   chunk of 8 along gemm_k   | s0: r g b | s1: r g b | s2: r g |     8 pieces of 1
//   c = 12, 3x3:                            | c0..c3    | c4..c7              |     2 pieces of 4
//
// Padding 3 channels to 8 would multiply the work of the first layer by 2.7; here gemm_k = R*S*C
// stays 75. What bounds it: loads that wait for memory without a pipeline ahead of them; several
// blocks per multiprocessor hide that.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_mma_launch.cuh"

namespace diptych {

namespace {

using Square = MmaShape<64, 64, 2, 2, 2>;
using FewColumns = MmaShape<128, 16, 4, 1, 2>;
using FewRows = MmaShape<16, 128, 1, 4, 2>;

constexpr int kFew = 16;  // gemm_n, or gemm_m of backward weight, that one mma tile covers

template <class Args>
bool accepts(const Args& a, int chip) {
  return chip >= kMmaChip && a.dtype == DType::kBF16 && fits_int(a.problem);
}

}  // namespace

// Instantiations: 3 passes x 2 tiles.

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardThin = {
    "mma_thin", accepts, always_suits, no_workspace,
    [](const Conv2dCudaForward& a, void*, CudaStream stream) {
      a.problem.k <= kFew ? run_forward_mma<FewColumns, true>(a, stream)
                          : run_forward_mma<Square, true>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataThin = {
    "mma_thin", accepts, always_suits, no_workspace,
    [](const Conv2dCudaBackwardData& a, void*, CudaStream stream) {
      a.problem.c <= kFew ? run_backward_data_mma<FewColumns, true>(a, stream)
                          : run_backward_data_mma<Square, true>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightThin = {
    "mma_thin", accepts, always_suits,
    [](const Conv2dCudaBackwardWeight& a) {
      return a.problem.k <= kFew ? parts_bytes_mma<FewRows>(a) : parts_bytes_mma<Square>(a);
    },
    [](const Conv2dCudaBackwardWeight& a, void* workspace, CudaStream stream) {
      a.problem.k <= kFew ? run_backward_weight_mma<FewRows, true>(a, workspace, stream)
                          : run_backward_weight_mma<Square, true>(a, workspace, stream);
    }};

}  // namespace diptych
