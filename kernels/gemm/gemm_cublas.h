// gemm by cuBLASLt: dense layers of engine cudnn and the yardstick of bench/layers, behind the
// arguments of gemm_cuda.h. Built with cuDNN; the library is loaded when it is first needed.
//
// f32 runs without TF32. A bias is added by cuBLASLt where y is f32; for a bf16 y the product and
// bias are made in f32 and rounded once, by a pass of our own. Errors: Error naming the problem
// when cuBLASLt has no algorithm for it, or when the library is missing.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <cublasLt.h>

#include "kernels/common/stream.h"
#include "kernels/gemm/gemm_cuda.h"

namespace diptych {

void dense_cublas(Stream& stream, const DenseCudaForward& args);
void dense_cublas(Stream& stream, const DenseCudaBackwardData& args);
void dense_cublas(Stream& stream, const DenseCudaBackwardWeight& args);

enum class DensePass { kForward, kBackwardData, kBackwardWeight };

// One question to cuBLASLt.
struct DenseCublasProblem {
  DensePass pass = DensePass::kForward;
  DenseProblem problem;
  DType dtype = DType::kBF16;  // of the factors
  DType out_dtype = DType::kBF16;
  const float* bias = nullptr;  // forward with f32 output; read at run time
  int alignment = 16;           // bytes that divide every address
};

// x or dx, w or dw, y or dy.
struct DenseCublasTensors {
  const void *x = nullptr, *w = nullptr, *y = nullptr;
};

struct DenseCublasPlan {
  cublasLtMatmulAlgo_t algorithm = {};
  size_t workspace = 0;  // bytes
};

// In cuBLASLt's own order, best first; empty when it has none.
std::vector<DenseCublasPlan> dense_cublas_plans(const DenseCublasProblem& problem, int at_most);

// accumulate: adds to what is there.
void dense_cublas_run(const DenseCublasProblem& problem,
                      const DenseCublasPlan& plan,
                      const DenseCublasTensors& tensors,
                      bool accumulate,
                      void* workspace,
                      CudaStream stream);

std::string cublas_version_text();  // "13.2.0"

}  // namespace diptych
