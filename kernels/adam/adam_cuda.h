// adam on a GPU: launchers of its steps. Pointers are device pointers to `count` elements and have
// passed the checks of adam.cpp. Launches return at once.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/adam/adam.h"
#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/cuda/optimizer_state.h"

namespace diptych {

struct AdamArrays {
  const float* gradient;
  const float* gradient_scale = nullptr;  // one number; null for 1
  const OptimizerState* state = nullptr;  // rate and step; null for those of AdamStep
  float *weight, *m, *v;
  bf16* copy = nullptr;  // null for none
  int64_t count = 0;
};

// Step 1: a thread per element.
void adam_naive_cuda(CudaStream stream, const AdamStep& step, const AdamArrays& a);

// Step 2: a warp per 256 elements, 8 of which share one draw of random numbers. Pointers must be
// multiples of 16, first_element a multiple of 8.
bool adam_vector_accepts(const AdamStep& step, const AdamArrays& a);
void adam_vector_cuda(CudaStream stream, const AdamStep& step, const AdamArrays& a);

}  // namespace diptych
