// conv2d by cuDNN: the yardstick of engine cudnn and of bench/layers, behind the arguments of
// conv2d_cuda.h. Built when cuDNN's headers are found.
//
// f32 runs without TF32. Sums are in f32 and in an order that does not change from run to run.
// Where cuDNN has no engine that stores what conv2d.h promises, and only there:
//   - the epilogue that it cannot fuse is a pass of our own (conv2d_forward_epilogue.h);
//     depth_to_space always is;
//   - an f32 result of bf16 inputs (heads, dw) is widened from cuDNN's bf16 result.
// Errors: Error naming the problem when cuDNN has no engine for it, or when the library is missing.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cudnn.h"
#include "kernels/conv2d/conv2d_cuda.h"

namespace diptych {

void conv2d_cudnn(Stream& stream, const Conv2dCudaForward& args);
void conv2d_cudnn(Stream& stream, const Conv2dCudaBackwardData& args);
void conv2d_cudnn(Stream& stream, const Conv2dCudaBackwardWeight& args);

enum class Conv2dPass { kForward, kBackwardData, kBackwardWeight };

// One question to cuDNN.
struct Conv2dCudnnProblem {
  Conv2dPass pass = Conv2dPass::kForward;
  Conv2dProblem problem;
  Conv2dEpilogue epilogue = {};  // fused, forward only; without depth_to_space
  DType dtype = DType::kBF16;    // of the inputs
  DType out_dtype = DType::kBF16;
  int64_t alignment = 16;  // bytes that divide every tensor's address
};

// The tensors of a pass, in and out: x or dx, w or dw, a or da (y when the epilogue is fused).
struct Conv2dCudnnTensors {
  const void *x = nullptr, *w = nullptr, *a = nullptr, *b = nullptr, *residual = nullptr;
};

// The graph alone; needs no GPU. handle may be null.
std::shared_ptr<const cudnn::Graph> conv2d_cudnn_graph(const Conv2dCudnnProblem& problem,
                                                       cudnnHandle_t handle);

// Plans in cuDNN's own order, best first; empty when it has none.
std::vector<cudnn::Plan> conv2d_cudnn_plans(cudnn::State& state,
                                            const Conv2dCudnnProblem& problem,
                                            const cudnn::Allowed& allowed,
                                            size_t at_most);

void conv2d_cudnn_run(cudnn::State& state,
                      const Conv2dCudnnProblem& problem,
                      const cudnn::Plan& plan,
                      const Conv2dCudnnTensors& tensors,
                      void* workspace);

}  // namespace diptych
