// add on a GPU: launchers of its steps. Views hold device pointers and have passed the checks of
// add.cpp: one shape, one dtype. y may be an input. Launches return at once; errors of a launch are
// thrown as Error.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Step 1: a thread per element.
void add_naive_cuda(CudaStream stream, View a, View b, MutView y);
void affine_naive_cuda(CudaStream stream, float factor, float offset, View x, MutView y);
void add_scaled_naive_cuda(CudaStream stream, float factor, View x, GradView y);

// Step 2: a thread per 16 bytes. Pointers must be multiples of 16.
void add_vector_cuda(CudaStream stream, View a, View b, MutView y);
void affine_vector_cuda(CudaStream stream, float factor, float offset, View x, MutView y);
void add_scaled_vector_cuda(CudaStream stream, float factor, View x, GradView y);

}  // namespace diptych
