// blur on a GPU: launchers of its steps. Views hold device pointers and have passed the checks of
// blur.cpp: x, y (N,H,W,C) f32, no overlap.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "kernels/blur/blur.h"
#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// y = G(x), or y += G(x) when it accumulates (blur_backward).
// Step 1: a thread per element, the 2-D window.
void blur_naive_cuda(CudaStream stream, View x, double sigma, GradView y);

// Step 2: rows, then columns. workspace: device memory of blur_workspace bytes.
size_t blur_workspace(View x);
void blur_separable_cuda(CudaStream stream, View x, double sigma, GradView y, void* workspace);

// y = 2 * clip(G(mask) / I, 0, 0.5), by step 2.
void soft_mask_separable_cuda(
    CudaStream stream, View mask, double sigma, BlurBorder border, MutView y, void* workspace);

// y = t m + (N / D) (1 - m), by step 2. workspace: device memory of blur_out_workspace bytes.
size_t blur_out_workspace(View target);
void blur_out_separable_cuda(CudaStream stream,
                             View target,
                             View mask,
                             double sigma,
                             BlurBorder border,
                             MutView y,
                             void* workspace);

}  // namespace diptych
