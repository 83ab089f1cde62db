// cast on a GPU: launchers of its steps. Views hold device pointers and have passed the checks of
// cast.cpp.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// y = x, or y += x when y accumulates (cast_backward); any pair of dtypes.
// Step 1: a thread per element.
void cast_naive_cuda(CudaStream stream, View x, GradView y);

// Step 2: a thread per 4 elements. Pointers must be multiples of 16.
void cast_vector_cuda(CudaStream stream, View x, GradView y);

}  // namespace diptych
