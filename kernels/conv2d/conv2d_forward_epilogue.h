// The forward epilogue of conv2d as a pass of its own on a GPU, for convolutions that a library
// runs without it: y = store(leaky(a + b + residual)), formulas in conv2d.h.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/conv2d/conv2d.h"

namespace diptych {

struct Conv2dCudaForwardEpilogue {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue = {};
  DType dtype = DType::kBF16;      // of residual
  DType a_dtype = DType::kBF16;    // dtype or f32
  DType y_dtype = DType::kBF16;    // dtype or f32
  const void* a = nullptr;         // (N,P,Q,K): the convolution
  const float* b = nullptr;        // (K), read when epilogue.bias
  const void* residual = nullptr;  // (N,P,Q,K), read when epilogue.residual; may be y
  void* y = nullptr;               // epilogue.y_shape(problem); may be a when it has its dtype and
                                   // nothing moves
};

void conv2d_forward_epilogue_cuda(const Conv2dCudaForwardEpilogue& args, CudaStream stream);

}  // namespace diptych
