// Row functions of pixel_loss: what the checked entry points run per sample.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/view.h"

namespace diptych {

enum class ErrorPower { kAbsolute, kSquare };

// Sum over one sample of |m (t - p)| or (m (t - p))^2; mask null: 1. pixels * channels values.
double pixel_error_sum(ErrorPower power,
                       const float* t,
                       const float* p,
                       const float* mask,
                       int64_t pixels,
                       int64_t channels);

// dp = factor * d/dp of the sum above, or dp += it.
void pixel_error_gradient(ErrorPower power,
                          float factor,
                          const float* t,
                          const float* p,
                          const float* mask,
                          int64_t pixels,
                          int64_t channels,
                          float* dp,
                          bool accumulate);

// y = x * mask, or y += x * mask, with the mask shared by the channels.
void mul_mask_rows(
    const float* x, const float* mask, int64_t pixels, int64_t channels, float* y, bool accumulate);

// Checks shared by the entry points: (N,...) tensors of one shape, f32; loss (N) f32.
void check_same(
    const char* op, const View& a, const char* a_name, const View& b, const char* b_name);
void check_per_sample(const char* op, const View& x, const View& loss);
// The mask is (N,H,W,1) for (N,H,W,C) pictures.
void check_mask(const char* op, const View& x, const View& mask);

}  // namespace diptych
