// conv_transpose2d oracle: plain scattering loops in double. Shares no code with what it checks.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "tests/support/compare.h"

namespace diptych::ref {

using Values = std::vector<double>;

// Visits (n,h,w,c,r,s,k) with the offsets of x, weight and y, where the product lands inside y.
template <class Body>
void conv_transpose2d_each_term(const ConvTranspose2dProblem& t, const Body& body) {
  const int p_count = (t.h - 1) * t.stride + t.r - t.pad_top - t.pad_bottom;
  const int q_count = (t.w - 1) * t.stride + t.s - t.pad_left - t.pad_right;
  for (int n = 0; n < t.n; ++n)
    for (int h = 0; h < t.h; ++h)
      for (int w = 0; w < t.w; ++w)
        for (int c = 0; c < t.c; ++c)
          for (int r = 0; r < t.r; ++r)
            for (int s = 0; s < t.s; ++s)
              for (int k = 0; k < t.k; ++k) {
                const int p = h * t.stride + r - t.pad_top, q = w * t.stride + s - t.pad_left;
                if (p < 0 || p >= p_count || q < 0 || q >= q_count) continue;
                const size_t x_at = static_cast<size_t>(((n * t.h + h) * t.w + w) * t.c + c);
                const size_t w_at = static_cast<size_t>(((c * t.r + r) * t.s + s) * t.k + k);
                const size_t y_at =
                    static_cast<size_t>(((n * p_count + p) * q_count + q) * t.k + k);
                body(x_at, w_at, y_at);
              }
}

inline RefTensor transpose_zeros(const Shape& shape) {
  const Values zero(static_cast<size_t>(shape.numel()), 0.0);
  return {zero, zero};
}

inline void transpose_add(RefTensor& to, size_t at, double term) {
  to.value[at] += term;
  to.magnitude[at] += std::abs(term);
}

inline RefTensor conv_transpose2d_forward(const ConvTranspose2dProblem& t,
                                          const ConvTranspose2dEpilogue& epilogue,
                                          const Values& x,
                                          const Values& w,
                                          const Values& b) {
  RefTensor y = transpose_zeros(t.y_shape());
  conv_transpose2d_each_term(
      t, [&](size_t x_at, size_t w_at, size_t y_at) { transpose_add(y, y_at, x[x_at] * w[w_at]); });
  for (size_t i = 0; i < y.value.size(); ++i) {
    if (epilogue.bias) transpose_add(y, i, b[i % b.size()]);
    if (!(y.value[i] >= 0)) y.value[i] *= static_cast<double>(epilogue.leaky_slope);
  }
  return y;
}

inline RefTensor conv_transpose2d_backward_data(const ConvTranspose2dProblem& t,
                                                const Values& da,
                                                const Values& w) {
  RefTensor dx = transpose_zeros(t.x_shape());
  conv_transpose2d_each_term(t, [&](size_t x_at, size_t w_at, size_t y_at) {
    transpose_add(dx, x_at, da[y_at] * w[w_at]);
  });
  return dx;
}

inline RefTensor conv_transpose2d_backward_weight(const ConvTranspose2dProblem& t,
                                                  const Values& x,
                                                  const Values& da) {
  RefTensor dw = transpose_zeros(t.w_shape());
  conv_transpose2d_each_term(t, [&](size_t x_at, size_t w_at, size_t y_at) {
    transpose_add(dw, w_at, da[y_at] * x[x_at]);
  });
  return dw;
}

}  // namespace diptych::ref
