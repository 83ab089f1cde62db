// depth_to_space on a GPU: launchers of its steps. Views hold device pointers and have passed the
// checks of depth_to_space.cpp: deep (N,H,W,C), wide (N,2H,2W,C/4), one dtype, no overlap. Launches
// return at once; errors of a launch are thrown as Error.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Step 1: a thread per element of the wide side.
void depth_to_space_naive_cuda(CudaStream stream, View deep, GradView wide);
void space_to_depth_naive_cuda(CudaStream stream, View wide, GradView deep);

// Step 2: a thread per 16 bytes. C/4 elements must be a multiple of 16 bytes, pointers as well.
bool depth_to_space_vector_accepts(View deep, View wide);
void depth_to_space_vector_cuda(CudaStream stream, View deep, GradView wide);
void space_to_depth_vector_cuda(CudaStream stream, View wide, GradView deep);

}  // namespace diptych
