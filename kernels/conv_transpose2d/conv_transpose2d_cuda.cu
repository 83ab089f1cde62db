// conv_transpose2d on the GPU: the rungs in order, and the choice among them. No kernels.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/rungs.h"
#include "kernels/conv_transpose2d/conv_transpose2d_cuda.h"
#include "kernels/conv_transpose2d/conv_transpose2d_rungs.cuh"

namespace diptych {

std::span<const ConvTranspose2dCudaRung> conv_transpose2d_cuda_forward_rungs() {
  static const ConvTranspose2dCudaRung rungs[] = {
      kConvTranspose2dCudaMma64x64, kConvTranspose2dCudaMmaThin, kConvTranspose2dCudaAdjoint,
      kConvTranspose2dCudaNaive};
  return rungs;
}

const ConvTranspose2dCudaRung& pick_conv_transpose2d_cuda(const ConvTranspose2dCudaForward& args,
                                                          int chip) {
  return pick_rung("conv_transpose2d_forward", conv_transpose2d_cuda_forward_rungs(), args, chip);
}

}  // namespace diptych
