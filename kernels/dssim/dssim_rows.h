// The vector loops of dssim.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych {

// Four vertical sums at once, i = 0..n-1: x, y, x*y and x*x + y*y of rows `stride` apart, weighted
// by taps; the products are made on the way.
void dssim_moments_row(const float* x,
                       const float* y,
                       int64_t stride,
                       const float* taps,
                       int64_t count,
                       float* const sums[4],
                       int64_t n);

// From the moments a, b, g*(xy), g*(x^2+y^2) of a row: values = l*cs, added to total; and, when
// partial is given, its derivatives with respect to b, g*(xy) and g*(x^2+y^2), at
// partial + {0, n, 2n}. No row may overlap another.
void dssim_similarity_row(
    const float* const moments[4], float* partial, float* values, double* total, int64_t n);

// out = factor * (s0 + x s1 + 2 y s2)
void dssim_gradient_row(const float* const filtered[3],
                        const float* factor,
                        const float* x,
                        const float* y,
                        float* out,
                        int64_t n);

}  // namespace diptych
