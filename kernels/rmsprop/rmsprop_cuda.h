// rmsprop on a GPU: launchers of its steps. Pointers are device pointers to `count` elements and
// have passed the checks of rmsprop.cpp. Launches return at once.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/cuda/optimizer_state.h"
#include "kernels/rmsprop/rmsprop.h"

namespace diptych {

struct RmsPropArrays {
  const float* gradient;
  const float* gradient_scale = nullptr;  // one number; null for 1
  const OptimizerState* state = nullptr;  // rate and step; null for those of RmsPropStep
  float *weight, *v;
  bf16* copy = nullptr;  // null for none
  int64_t count = 0;
};

// Step 1: a thread per element.
void rmsprop_naive_cuda(CudaStream stream, const RmsPropStep& step, const RmsPropArrays& a);

// Step 2: a warp per 256 elements, 8 of which share one draw of random numbers. Pointers must be
// multiples of 16, first_element a multiple of 8.
bool rmsprop_vector_accepts(const RmsPropStep& step, const RmsPropArrays& a);
void rmsprop_vector_cuda(CudaStream stream, const RmsPropStep& step, const RmsPropArrays& a);

}  // namespace diptych
