// The inner loop of separable filters on NHWC rows.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych {

// out[i] = sum over t of taps[t] * x[i + t * stride], i = 0..n-1, added in order of t in f32.
// With stride C it filters along a row, with stride W*C down the rows. Reads x[0] to
// x[n - 1 + (count - 1) * stride].
void filter_row(
    const float* x, int64_t stride, const float* taps, int64_t count, float* out, int64_t n);

}  // namespace diptych
