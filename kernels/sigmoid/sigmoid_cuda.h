// sigmoid on a GPU: launchers of its step. Views hold device pointers and have passed the checks of
// sigmoid.cpp. y may be x, dx may be dy.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Step 1: a thread per 16 bytes; pointers must be multiples of 16.
void sigmoid_forward_naive_cuda(CudaStream stream, View x, MutView y);
void sigmoid_backward_naive_cuda(CudaStream stream, View y, View dy, GradView dx);

}  // namespace diptych
