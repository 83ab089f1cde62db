// conv2d on the GPU: the ladder of hand-written kernels behind one interface.
//
// Formulas, layouts and names are those of conv2d.h; what each rung teaches is in CUDA.md. Pointers
// are device pointers. Nothing here allocates or waits: the caller owns the workspace, of
// rung.workspace(args) bytes, 256-byte aligned, free again once the stream has passed the call.
// Results depend on neither the chip's size nor its load: sums are split by the problem alone, and
// partial sums are added in a fixed order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/conv2d/conv2d.h"

namespace diptych {

// y = store(leaky(conv(x, w) + b + residual)).
struct Conv2dCudaForward {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue = {};
  DType dtype = DType::kBF16;      // of x, w and residual
  DType y_dtype = DType::kBF16;    // that of x, or f32
  const void* x = nullptr;         // (N,H,W,C)
  const void* w = nullptr;         // (K,R,S,C)
  const float* b = nullptr;        // (K), read when epilogue.bias
  const void* residual = nullptr;  // (N,P,Q,K), read when epilogue.residual
  void* y = nullptr;               // epilogue.y_shape(problem)
};

// da = leaky'(a) * space_to_depth(dy), the sign of a read from y; db = sum of da over n,p,q.
struct Conv2dCudaBackwardEpilogue {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue = {};
  DType dtype = DType::kBF16;  // of y, dy and da
  const void* y = nullptr;     // read when the slope is not 1
  const void* dy = nullptr;
  void* da = nullptr;   // (N,P,Q,K); may be dy when the epilogue moves nothing; null: db alone
  float* db = nullptr;  // (K), or null
  bool accumulate_db = false;
};

// dx = what of da reaches each input element through w, plus `before`; then back through the
// epilogue of the convolution that made x, leaky'(x) * space_to_depth(dx), where `below` has one.
struct Conv2dCudaBackwardData {
  Conv2dProblem problem;
  DType dtype = DType::kBF16;    // of all tensors here
  const void* da = nullptr;      // (N,P,Q,K)
  const void* w = nullptr;       // (K,R,S,C)
  void* dx = nullptr;            // (N,H,W,C), or (N,H/2,W/2,4C) when below has depth_to_space
  const void* before = nullptr;  // (N,H,W,C) or null; may be dx where no element moves
  Conv2dEpilogue below = {};     // its slope and store count
  const void* x = nullptr;       // (N,H,W,C), read when below's slope is not 1
};

// dw (+)= sum over n,p,q of da times the input under each tap; db (+)= sum of da. Both are f32.
struct Conv2dCudaBackwardWeight {
  Conv2dProblem problem;
  DType dtype = DType::kBF16;  // of x and da
  const void* x = nullptr;     // (N,H,W,C)
  const void* da = nullptr;    // (N,P,Q,K)
  float* dw = nullptr;         // (K,R,S,C)
  bool accumulate = false;
  float* db = nullptr;  // (K), or null
  bool accumulate_db = false;
};

// chip: compute capability times ten, 80, 86, 89, 90.
template <class Args>
struct Conv2dCudaRung {
  const char* name;
  bool (*accepts)(const Args& args, int chip);  // can compute it: chip, dtype, alignment, sizes
  bool (*suits)(const Args& args);              // is worth choosing for it
  size_t (*workspace)(const Args& args);        // bytes
  void (*run)(const Args& args, void* workspace, CudaStream stream);
};

// Best first; the last of each accepts everything that conv2d.h allows.
std::span<const Conv2dCudaRung<Conv2dCudaForward>> conv2d_cuda_forward_rungs();
std::span<const Conv2dCudaRung<Conv2dCudaBackwardEpilogue>> conv2d_cuda_backward_epilogue_rungs();
std::span<const Conv2dCudaRung<Conv2dCudaBackwardData>> conv2d_cuda_backward_data_rungs();
std::span<const Conv2dCudaRung<Conv2dCudaBackwardWeight>> conv2d_cuda_backward_weight_rungs();

// The first rung that accepts and suits, or the one forced for this pass (variants.h).
const Conv2dCudaRung<Conv2dCudaForward>& pick_conv2d_cuda(const Conv2dCudaForward& args, int chip);
const Conv2dCudaRung<Conv2dCudaBackwardEpilogue>& pick_conv2d_cuda(
    const Conv2dCudaBackwardEpilogue& args, int chip);
const Conv2dCudaRung<Conv2dCudaBackwardData>& pick_conv2d_cuda(const Conv2dCudaBackwardData& args,
                                                               int chip);
const Conv2dCudaRung<Conv2dCudaBackwardWeight>& pick_conv2d_cuda(
    const Conv2dCudaBackwardWeight& args, int chip);

}  // namespace diptych
