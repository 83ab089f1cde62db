// conv2d on the GPU: the rungs in order, and the choice among them. No kernels.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/rungs.h"
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_rungs.cuh"

namespace diptych {

std::span<const Conv2dCudaRung<Conv2dCudaForward>> conv2d_cuda_forward_rungs() {
  static const Conv2dCudaRung<Conv2dCudaForward> rungs[] = {
      kConv2dForwardMma128x16, kConv2dForwardStreamK,    kConv2dForwardWgmma128,
      kConv2dForwardWgmma64,   kConv2dForwardMma128x128, kConv2dForwardMma64x64,
      kConv2dForwardThin,      kConv2dForwardTiled,      kConv2dForwardNaive};
  return rungs;
}

std::span<const Conv2dCudaRung<Conv2dCudaBackwardEpilogue>> conv2d_cuda_backward_epilogue_rungs() {
  static const Conv2dCudaRung<Conv2dCudaBackwardEpilogue> rungs[] = {kConv2dBackwardEpilogueStrips,
                                                                     kConv2dBackwardEpilogueNaive};
  return rungs;
}

std::span<const Conv2dCudaRung<Conv2dCudaBackwardData>> conv2d_cuda_backward_data_rungs() {
  static const Conv2dCudaRung<Conv2dCudaBackwardData> rungs[] = {
      kConv2dBackwardDataMma128x16, kConv2dBackwardDataStreamK,    kConv2dBackwardDataWgmma128,
      kConv2dBackwardDataWgmma64,   kConv2dBackwardDataMma128x128, kConv2dBackwardDataMma64x64,
      kConv2dBackwardDataThin,      kConv2dBackwardDataTiled,      kConv2dBackwardDataNaive};
  return rungs;
}

std::span<const Conv2dCudaRung<Conv2dCudaBackwardWeight>> conv2d_cuda_backward_weight_rungs() {
  static const Conv2dCudaRung<Conv2dCudaBackwardWeight> rungs[] = {
      kConv2dBackwardWeightMma16x128,  kConv2dBackwardWeightWgmma128, kConv2dBackwardWeightWgmma64,
      kConv2dBackwardWeightMma128x128, kConv2dBackwardWeightMma64x64, kConv2dBackwardWeightThin,
      kConv2dBackwardWeightTiled,      kConv2dBackwardWeightNaive};
  return rungs;
}

const Conv2dCudaRung<Conv2dCudaForward>& pick_conv2d_cuda(const Conv2dCudaForward& args, int chip) {
  return pick_rung("conv2d_forward", conv2d_cuda_forward_rungs(), args, chip);
}

const Conv2dCudaRung<Conv2dCudaBackwardEpilogue>& pick_conv2d_cuda(
    const Conv2dCudaBackwardEpilogue& args, int chip) {
  return pick_rung("conv2d_backward_epilogue", conv2d_cuda_backward_epilogue_rungs(), args, chip);
}

const Conv2dCudaRung<Conv2dCudaBackwardData>& pick_conv2d_cuda(const Conv2dCudaBackwardData& args,
                                                               int chip) {
  return pick_rung("conv2d_backward_data", conv2d_cuda_backward_data_rungs(), args, chip);
}

const Conv2dCudaRung<Conv2dCudaBackwardWeight>& pick_conv2d_cuda(
    const Conv2dCudaBackwardWeight& args, int chip) {
  return pick_rung("conv2d_backward_weight", conv2d_cuda_backward_weight_rungs(), args, chip);
}

}  // namespace diptych
