// fill on a GPU: launcher of its step. y holds a device pointer.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Step 1: a thread per element.
void fill_naive_cuda(CudaStream stream, float value, MutView y);

}  // namespace diptych
