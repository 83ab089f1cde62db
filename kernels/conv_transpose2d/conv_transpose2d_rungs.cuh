// The rungs that the .cu files define and conv_transpose2d_cuda.cu lists.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d_rungs.cuh"
#include "kernels/conv_transpose2d/conv_transpose2d_cuda.h"

namespace diptych {

// conv_transpose2d_1_naive.cu
extern const ConvTranspose2dCudaRung kConvTranspose2dCudaNaive;

// conv_transpose2d_2_adjoint.cu
extern const ConvTranspose2dCudaRung kConvTranspose2dCudaAdjoint;

// conv_transpose2d_3_mma.cu
extern const ConvTranspose2dCudaRung kConvTranspose2dCudaMma64x64, kConvTranspose2dCudaMmaThin;

}  // namespace diptych
