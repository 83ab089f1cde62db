// pixel_loss on a GPU: launchers of its steps. Views hold device pointers and have passed the
// checks of pixel_loss.cpp: all f32; mask (N,H,W,1) or {}. Sums in double, in a fixed order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"
#include "kernels/pixel_loss/pixel_loss.h"

namespace diptych {

enum class PixelErrorPower { kAbsolute = 1, kSquared = 2 };

// loss[n] = mean over sample n of abs(m (t - p)) or its square.
// Step 1: a block per sample.
void pixel_error_naive_cuda(CudaStream stream,
                            PixelErrorPower power,
                            View target,
                            View prediction,
                            View mask,
                            MutView loss);

// Step 2: many blocks per sample, in two passes. workspace: device memory of pixel_error_workspace
// bytes, aligned to 8.
size_t pixel_error_workspace(View prediction);
void pixel_error_two_pass_cuda(CudaStream stream,
                               PixelErrorPower power,
                               View target,
                               View prediction,
                               View mask,
                               MutView loss,
                               void* workspace);

// A thread per element.
void pixel_error_backward_naive_cuda(CudaStream stream,
                                     PixelErrorPower power,
                                     View target,
                                     View prediction,
                                     View mask,
                                     View dloss,
                                     GradView dprediction);

// Cross-entropy and total variation, in two passes. labels may be {}: then every label is `label`.
// workspace: device memory of pixel_terms_workspace bytes, aligned to 8.
size_t pixel_terms_workspace(View x);
void bce_logits_cuda(
    CudaStream stream, View logits, View labels, float label, MutView loss, void* workspace);
void bce_logits_backward_cuda(
    CudaStream stream, View logits, View labels, float label, View dloss, GradView dlogits);
void total_variation_cuda(
    CudaStream stream, TotalVariation form, View x, MutView loss, void* workspace);
void total_variation_backward_cuda(
    CudaStream stream, TotalVariation form, View x, View dloss, GradView dx);

// y = x m, or += when y accumulates (mul_mask_backward). y may be x when it does not.
void mul_mask_naive_cuda(CudaStream stream, View x, View mask, GradView y);

}  // namespace diptych
