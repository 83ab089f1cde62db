// Dense layer oracle: three plain loops in double. Shares no code with what it checks.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "tests/support/compare.h"

namespace diptych::ref {

using Values = std::vector<double>;

// Visits every term with the offsets of x (m,i), w (o,i) and y (m,o).
template <class Body>
void dense_each_term(const DenseProblem& t, const Body& body) {
  const size_t in = static_cast<size_t>(t.in), out = static_cast<size_t>(t.out);
  for (size_t m = 0; m < static_cast<size_t>(t.m); ++m)
    for (size_t o = 0; o < out; ++o)
      for (size_t i = 0; i < in; ++i) body(m * in + i, o * in + i, m * out + o);
}

inline void dense_add(RefTensor& to, size_t at, double term) {
  to.value[at] += term;
  to.magnitude[at] += std::abs(term);
}

inline RefTensor dense_zeros(int64_t rows, int64_t columns) {
  const Values zero(static_cast<size_t>(rows * columns), 0.0);
  return {zero, zero};
}

// b may be empty.
inline RefTensor dense_forward(const DenseProblem& t,
                               const Values& x,
                               const Values& w,
                               const Values& b) {
  RefTensor y = dense_zeros(t.m, t.out);
  dense_each_term(
      t, [&](size_t x_at, size_t w_at, size_t y_at) { dense_add(y, y_at, x[x_at] * w[w_at]); });
  for (size_t i = 0; i < y.value.size() && !b.empty(); ++i) dense_add(y, i, b[i % b.size()]);
  return y;
}

inline RefTensor dense_backward_data(const DenseProblem& t, const Values& dy, const Values& w) {
  RefTensor dx = dense_zeros(t.m, t.in);
  dense_each_term(
      t, [&](size_t x_at, size_t w_at, size_t y_at) { dense_add(dx, x_at, dy[y_at] * w[w_at]); });
  return dx;
}

inline RefTensor dense_backward_weight(const DenseProblem& t, const Values& x, const Values& dy) {
  RefTensor dw = dense_zeros(t.out, t.in);
  dense_each_term(
      t, [&](size_t x_at, size_t w_at, size_t y_at) { dense_add(dw, w_at, dy[y_at] * x[x_at]); });
  return dw;
}

inline RefTensor dense_backward_bias(const DenseProblem& t, const Values& dy) {
  RefTensor db = dense_zeros(1, t.out);
  for (size_t i = 0; i < dy.size(); ++i) dense_add(db, i % db.value.size(), dy[i]);
  return db;
}

}  // namespace diptych::ref
