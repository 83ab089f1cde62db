// gemm on the GPU: the ladder of hand-written kernels of a dense layer behind one interface.
//
// Formulas, layouts and names are those of gemm.h; what each rung teaches is in README.md. Pointers
// are device pointers. Nothing here allocates or waits: the caller owns the workspace, of
// rung.workspace(args) bytes, 256-byte aligned, free again once the stream has passed the call.
// Results depend on neither the chip's size nor its load: sums are split by the problem alone, and
// partial sums are added in a fixed order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/gemm/gemm.h"

namespace diptych {

// y = x w^T + b
struct DenseCudaForward {
  DenseProblem problem;
  DType dtype = DType::kBF16;    // of x and w
  DType y_dtype = DType::kBF16;  // that of x, or f32
  const void* x = nullptr;       // (M,in)
  const void* w = nullptr;       // (out,in)
  const float* b = nullptr;      // (out), or null
  void* y = nullptr;             // (M,out)
};

// dx (+)= dy w
struct DenseCudaBackwardData {
  DenseProblem problem;
  DType dtype = DType::kBF16;  // of dy, w and dx
  const void* dy = nullptr;    // (M,out)
  const void* w = nullptr;     // (out,in)
  void* dx = nullptr;          // (M,in)
  bool accumulate = false;
};

// dw (+)= dy^T x
struct DenseCudaBackwardWeight {
  DenseProblem problem;
  DType dtype = DType::kBF16;  // of x and dy
  const void* x = nullptr;     // (M,in)
  const void* dy = nullptr;    // (M,out)
  float* dw = nullptr;         // (out,in)
  bool accumulate = false;
};

// db (+)= column sums of dy. problem.in is not read.
struct DenseCudaBackwardBias {
  DenseProblem problem;
  DType dtype = DType::kBF16;  // of dy
  const void* dy = nullptr;    // (M,out)
  float* db = nullptr;         // (out)
  bool accumulate = false;
};

// chip: compute capability times ten, 80, 86, 89, 90.
template <class Args>
struct GemmCudaRung {
  const char* name;
  bool (*accepts)(const Args& args, int chip);  // can compute it: chip, dtype, alignment, sizes
  bool (*suits)(const Args& args);              // is worth choosing for it
  size_t (*workspace)(const Args& args);        // bytes
  void (*run)(const Args& args, void* workspace, CudaStream stream);
};

// Best first; the last of each accepts everything that gemm.h allows.
std::span<const GemmCudaRung<DenseCudaForward>> dense_cuda_forward_rungs();
std::span<const GemmCudaRung<DenseCudaBackwardData>> dense_cuda_backward_data_rungs();
std::span<const GemmCudaRung<DenseCudaBackwardWeight>> dense_cuda_backward_weight_rungs();
std::span<const GemmCudaRung<DenseCudaBackwardBias>> dense_cuda_backward_bias_rungs();

// The first rung that accepts and suits, or the one forced for this pass (variants.h).
const GemmCudaRung<DenseCudaForward>& pick_gemm_cuda(const DenseCudaForward& args, int chip);
const GemmCudaRung<DenseCudaBackwardData>& pick_gemm_cuda(const DenseCudaBackwardData& args,
                                                          int chip);
const GemmCudaRung<DenseCudaBackwardWeight>& pick_gemm_cuda(const DenseCudaBackwardWeight& args,
                                                            int chip);
const GemmCudaRung<DenseCudaBackwardBias>& pick_gemm_cuda(const DenseCudaBackwardBias& args,
                                                          int chip);

}  // namespace diptych
