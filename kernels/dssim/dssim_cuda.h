// dssim on a GPU: launchers of its steps. Views hold device pointers and have passed the checks of
// dssim.cpp; saved may be {} when no backward follows. The mean over the map is summed in double,
// in a fixed order, without atomics.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/dssim/dssim.h"

namespace diptych {

struct DssimForward {
  View target, prediction;
  MutView loss, saved;
  void* workspace;  // device memory of dssim_workspace bytes, aligned to 8
};

struct DssimBackward {
  View target, prediction, saved, dloss;
  GradView dprediction;
};

size_t dssim_workspace(const DssimProblem& problem);

// Step 1: a thread per map position, or pixel, walks its whole window.
void dssim_forward_naive_cuda(CudaStream stream, const DssimProblem& p, const DssimForward& f);
void dssim_backward_naive_cuda(CudaStream stream, const DssimProblem& p, const DssimBackward& b);

// Step 2: separable filters over tiles in shared memory.
void dssim_forward_tiled_cuda(CudaStream stream, const DssimProblem& p, const DssimForward& f);
void dssim_backward_tiled_cuda(CudaStream stream, const DssimProblem& p, const DssimBackward& b);

}  // namespace diptych
