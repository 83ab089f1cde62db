// Arrays for one optimizer step, and what is expected of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include "kernels/common/rng.h"
#include "tests/support/compare.h"

namespace diptych {

struct ExpectedUpdate {
  double w, m, v;
  double w_magnitude, m_magnitude, v_magnitude;  // scales of the rounding errors
};

struct OptimizerArena {
  explicit OptimizerArena(int64_t count)
      : g({count}, DType::kF32),
        w({count}, DType::kF32),
        m({count}, DType::kF32),
        v({count}, DType::kF32),
        copy({count}, DType::kBF16) {
    g_values = g.set(random_reals(count, 1));
    w_values = w.set(random_reals(count, 2));
    m_values = m.set(random_reals(count, 3));
    std::vector<double> spread = random_reals(count, 4);
    for (double& s : spread) s = 1e-4 + s * s;
    v_values = v.set(spread);
  }

  TestBuffer g, w, m, v, copy;
  std::vector<double> g_values, w_values, m_values, v_values;
};

// Independent of keep_mask.cpp: one block at a time, by the generator of kernels/common/rng.h.
inline bool reference_keeps(
    uint64_t seed, uint32_t stream, uint32_t step, int64_t element, double probability) {
  const auto block = static_cast<uint64_t>(element / 8);
  const auto words =
      philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), stream, step},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint32_t word = words[static_cast<size_t>(element % 8 / 2)];
  const uint32_t bits = element % 2 == 0 ? word & 0xffffu : word >> 16;
  return bits < std::lround(probability * 65536);
}

// The arena after a step against Op::expected(), see optimizer_contract.h.
template <class Op>
void expect_step(const OptimizerArena& a, const typename Op::Step& step, double scale) {
  RefTensor w, m, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const bool keep =
        step.keep_probability == 1.0f ||
        reference_keeps(step.seed, step.stream, step.step,
                        step.first_element + static_cast<int64_t>(i), step.keep_probability);
    const ExpectedUpdate e = Op::expected(step, scale * a.g_values[i], a.w_values[i], a.m_values[i],
                                          a.v_values[i], keep);
    w.value.push_back(e.w);
    m.value.push_back(e.m);
    v.value.push_back(e.v);
    w.magnitude.push_back(e.w_magnitude);
    m.magnitude.push_back(e.m_magnitude);
    v.magnitude.push_back(e.v_magnitude);
  }
  EXPECT_TRUE(within(a.w, w, {.c = Op::kRoundings}));
  EXPECT_TRUE(within(a.m, m, {.c = Op::kRoundings}));
  EXPECT_TRUE(within(a.v, v, {.c = Op::kRoundings}));
}

}  // namespace diptych
