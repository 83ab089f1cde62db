// pixel_norm on a GPU: launchers of its steps. Views hold device pointers and have passed the
// checks of pixel_norm.cpp: x, y, dy, dx (N,...) of one dtype, inverse_norm (N) f32. y may be x; dx
// may not be x. Sums in double, in a fixed order.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Step 1: a thread per sample.
void pixel_norm_forward_naive_cuda(CudaStream stream, View x, MutView y, MutView inverse_norm);
void pixel_norm_backward_naive_cuda(
    CudaStream stream, View x, View inverse_norm, View dy, GradView dx);

// Step 2: a block per sample.
void pixel_norm_forward_block_cuda(CudaStream stream, View x, MutView y, MutView inverse_norm);
void pixel_norm_backward_block_cuda(
    CudaStream stream, View x, View inverse_norm, View dy, GradView dx);

}  // namespace diptych
