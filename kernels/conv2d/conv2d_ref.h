// conv2d oracle: seven plain loops in double. Shares no code with what it checks.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "tests/support/compare.h"

namespace diptych::ref {

using Values = std::vector<double>;

// Visits (n,p,q,k,r,s,c) with the offsets of x, w and a, where the tap lies inside x.
template <class Body>
void conv2d_each_term(const Conv2dProblem& t, const Body& body) {
  const int p_count = (t.h + t.pad_top + t.pad_bottom - t.r) / t.stride + 1;
  const int q_count = (t.w + t.pad_left + t.pad_right - t.s) / t.stride + 1;
  for (int n = 0; n < t.n; ++n)
    for (int p = 0; p < p_count; ++p)
      for (int q = 0; q < q_count; ++q)
        for (int k = 0; k < t.k; ++k)
          for (int r = 0; r < t.r; ++r)
            for (int s = 0; s < t.s; ++s)
              for (int c = 0; c < t.c; ++c) {
                const int h = p * t.stride + r - t.pad_top;
                const int w = q * t.stride + s - t.pad_left;
                if (h < 0 || h >= t.h || w < 0 || w >= t.w) continue;
                const size_t x_at = static_cast<size_t>(((n * t.h + h) * t.w + w) * t.c + c);
                const size_t w_at = static_cast<size_t>(((k * t.r + r) * t.s + s) * t.c + c);
                const size_t a_at =
                    static_cast<size_t>(((n * p_count + p) * q_count + q) * t.k + k);
                body(x_at, w_at, a_at);
              }
}

inline RefTensor zeros(int64_t count) {
  return {Values(static_cast<size_t>(count), 0.0), Values(static_cast<size_t>(count), 0.0)};
}

inline void add_term(RefTensor& to, size_t at, double term) {
  to.value[at] += term;
  to.magnitude[at] += std::abs(term);
}

// Where element (n,p,q,k) of a goes in y.
inline size_t conv2d_store_at(const Conv2dProblem& t, bool depth_to_space, size_t a_at) {
  if (!depth_to_space) return a_at;
  const size_t k_count = static_cast<size_t>(t.k), j_count = k_count / 4;
  const size_t p_count = static_cast<size_t>(t.p()), q_count = static_cast<size_t>(t.q());
  const size_t k = a_at % k_count, q = a_at / k_count % q_count;
  const size_t p = a_at / k_count / q_count % p_count, n = a_at / k_count / q_count / p_count;
  const size_t j = k % j_count, dy = k / j_count / 2, dx = k / j_count % 2;
  return ((n * 2 * p_count + 2 * p + dy) * 2 * q_count + 2 * q + dx) * j_count + j;
}

// b and residual may be empty.
inline RefTensor conv2d_forward(const Conv2dProblem& t,
                                const Conv2dEpilogue& epilogue,
                                const Values& x,
                                const Values& w,
                                const Values& b,
                                const Values& residual) {
  RefTensor a = zeros(t.a_shape().numel()), y = a;
  conv2d_each_term(
      t, [&](size_t x_at, size_t w_at, size_t a_at) { add_term(a, a_at, x[x_at] * w[w_at]); });
  const double slope = static_cast<double>(epilogue.leaky_slope);
  for (size_t i = 0; i < a.value.size(); ++i) {
    if (epilogue.bias) add_term(a, i, b[i % static_cast<size_t>(t.k)]);
    if (epilogue.residual) add_term(a, i, residual[i]);
    const size_t at = conv2d_store_at(t, epilogue.depth_to_space, i);
    y.value[at] = a.value[i] >= 0 ? a.value[i] : slope * a.value[i];
    y.magnitude[at] = a.magnitude[i];
  }
  return y;
}

inline RefTensor conv2d_backward_data(const Conv2dProblem& t, const Values& da, const Values& w) {
  RefTensor dx = zeros(t.x_shape().numel());
  conv2d_each_term(
      t, [&](size_t x_at, size_t w_at, size_t a_at) { add_term(dx, x_at, da[a_at] * w[w_at]); });
  return dx;
}

inline RefTensor conv2d_backward_weight(const Conv2dProblem& t, const Values& x, const Values& da) {
  RefTensor dw = zeros(t.w_shape().numel());
  conv2d_each_term(
      t, [&](size_t x_at, size_t w_at, size_t a_at) { add_term(dw, w_at, da[a_at] * x[x_at]); });
  return dw;
}

struct Conv2dEpilogueGradients {
  RefTensor da, db;
};

inline Conv2dEpilogueGradients conv2d_backward_epilogue(const Conv2dProblem& t,
                                                        const Conv2dEpilogue& epilogue,
                                                        const Values& y,
                                                        const Values& dy) {
  Conv2dEpilogueGradients result = {zeros(t.a_shape().numel()), zeros(t.k)};
  const double slope = static_cast<double>(epilogue.leaky_slope);
  for (size_t i = 0; i < result.da.value.size(); ++i) {
    const size_t at = conv2d_store_at(t, epilogue.depth_to_space, i);
    const double d = epilogue.leaky_slope == 1.0f || y[at] >= 0 ? dy[at] : slope * dy[at];
    add_term(result.da, i, d);
    add_term(result.db, i % static_cast<size_t>(t.k), d);
  }
  return result;
}

// What becomes of dx (N,H,W,C) behind the store that made x: leaky' and space_to_depth.
inline RefTensor through_store(const Conv2dEpilogue& below,
                               const Shape& x_shape,
                               const Values& x,
                               const RefTensor& dx) {
  const int block = below.depth_to_space ? 2 : 1;
  const auto size = [&](int axis) { return static_cast<int>(x_shape[axis]); };
  const Conv2dProblem pointwise = {.n = size(0),
                                   .h = size(1) / block,
                                   .w = size(2) / block,
                                   .c = 1,
                                   .k = size(3) * block * block,
                                   .r = 1,
                                   .s = 1};
  RefTensor da = zeros(x_shape.numel());
  for (size_t i = 0; i < da.value.size(); ++i) {
    const size_t at = conv2d_store_at(pointwise, below.depth_to_space, i);
    const bool falls = below.leaky_slope != 1.0f && !(x[at] >= 0);
    da.value[i] = falls ? static_cast<double>(below.leaky_slope) * dx.value[at] : dx.value[at];
    da.magnitude[i] = dx.magnitude[at];
  }
  return da;
}

}  // namespace diptych::ref
