// The first two rounds of an op's test (style: exact integers, then reals within a derived bound):
// what goes in, and what is expected of what comes out.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/support/compare.h"

namespace diptych {

// Integers small enough that f32 sums of them are exact; reals in [-1,1).
inline std::vector<double> inputs(bool exact, int64_t count, uint64_t seed) {
  return exact ? random_integers(count, 3, seed) : random_reals(count, seed);
}

inline std::vector<double> inputs(bool exact, const Shape& shape, uint64_t seed) {
  return inputs(exact, shape.numel(), seed);
}

// What storing an exact result in dtype gives.
inline void round_to(DType dtype, RefTensor& ref) {
  if (dtype == DType::kF32) return;
  for (double& v : ref.value) {
    v = static_cast<double>(static_cast<float>(bf16(static_cast<float>(v))));
  }
}

// What stood in an output that is accumulated to.
inline void add_to(RefTensor& ref, const std::vector<double>& start) {
  for (size_t i = 0; i < start.size(); ++i) {
    ref.value[i] += start[i];
    ref.magnitude[i] += std::abs(start[i]);
  }
}

// Sums of `terms` products in any order, plus bias, residual, slope and what was there: at most
// terms + 4 roundings on the way of each term. One percent covers the error's own share of the
// store.
inline Tolerance any_order(bool exact, int64_t terms) {
  return {.exact = exact, .c = 1.01 * static_cast<double>(terms + 4)};
}

// <a, b> in double.
inline double inner(const TestBuffer& a, const TestBuffer& b) {
  double sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(a.shape().numel()); ++i) sum += a.get(i) * b.get(i);
  return sum;
}

}  // namespace diptych
