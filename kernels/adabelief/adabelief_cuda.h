// adabelief on a GPU: launchers of its steps. Pointers are device pointers to `count` elements and
// have passed the checks of adabelief.cpp. Launches return at once.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/adabelief/adabelief.h"
#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/cuda/optimizer_state.h"

namespace diptych {

struct AdaBeliefArrays {
  const float* gradient;
  const float* gradient_scale = nullptr;  // one number; null for 1
  const OptimizerState* state = nullptr;  // rate and step; null for those of AdaBeliefStep
  float *weight, *m, *v;
  bf16* copy = nullptr;  // null for none
  int64_t count = 0;
};

// Step 1: a thread per element.
void adabelief_naive_cuda(CudaStream stream, const AdaBeliefStep& step, const AdaBeliefArrays& a);

// Step 2: a warp per 256 elements, 8 of which share one draw of random numbers. Pointers must be
// multiples of 16, first_element a multiple of 8.
bool adabelief_vector_accepts(const AdaBeliefStep& step, const AdaBeliefArrays& a);
void adabelief_vector_cuda(CudaStream stream, const AdaBeliefStep& step, const AdaBeliefArrays& a);

}  // namespace diptych
