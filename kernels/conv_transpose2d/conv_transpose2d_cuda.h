// conv_transpose2d on the GPU: the forward pass as a ladder of kernels behind one interface.
//
// Formulas, layouts and names are those of conv_transpose2d.h; what each rung teaches is in
// README.md. The backward passes have no kernels here: with problem.conv2d() they are conv2d's
// forward, backward weight and backward epilogue (conv2d_cuda.h). Pointers are device pointers.
// Nothing here allocates or waits: the caller owns the workspace, of rung.workspace(args) bytes,
// 256-byte aligned, free again once the stream has passed the call. Results depend on neither the
// chip's size nor its load.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace diptych {

// y = leaky(conv_transpose(x, w) + b).
struct ConvTranspose2dCudaForward {
  ConvTranspose2dProblem problem;
  ConvTranspose2dEpilogue epilogue = {};
  DType dtype = DType::kBF16;    // of x and w
  DType y_dtype = DType::kBF16;  // that of x, or f32
  const void* x = nullptr;       // (N,H,W,C)
  const void* w = nullptr;       // (C,R,S,K)
  const float* b = nullptr;      // (K), read when epilogue.bias
  void* y = nullptr;             // (N,P,Q,K)
};

// chip: compute capability times ten, 80, 86, 89, 90.
struct ConvTranspose2dCudaRung {
  const char* name;
  bool (*accepts)(const ConvTranspose2dCudaForward& args, int chip);  // can compute it
  bool (*suits)(const ConvTranspose2dCudaForward& args);              // is worth choosing for it
  size_t (*workspace)(const ConvTranspose2dCudaForward& args);        // bytes
  void (*run)(const ConvTranspose2dCudaForward& args, void* workspace, CudaStream stream);
};

// Best first; the last accepts everything that conv_transpose2d.h allows.
std::span<const ConvTranspose2dCudaRung> conv_transpose2d_cuda_forward_rungs();

// The first rung that accepts and suits, or the one forced ("conv_transpose2d_forward").
const ConvTranspose2dCudaRung& pick_conv_transpose2d_cuda(const ConvTranspose2dCudaForward& args,
                                                          int chip);

}  // namespace diptych
