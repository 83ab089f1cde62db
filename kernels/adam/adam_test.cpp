// Tests of adam. The update mask is tested with adabelief.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam.h"

#include <cmath>

#include <gtest/gtest.h>

#include "kernels/adam/adam_ref.h"
#include "tests/support/optimizer_contract.h"

namespace diptych {
namespace {

struct AdamOp {
  using Step = AdamStep;

  // Scale, constant, product, sum for m (4), twice that for v under the root; the two corrections,
  // root, sum, quotient, product and the last difference for w.
  static constexpr double kRoundings = 16;

  static void run(Stream& stream,
                  const Step& step,
                  View g,
                  View scale,
                  MutView w,
                  MutView m,
                  MutView v,
                  MutView copy) {
    adam_step(stream, step, g, scale, w, m, v, copy);
  }

  static ExpectedUpdate expected(const Step& s, double g, double w, double m, double v, bool keep) {
    const AdamRef y = adam_ref({.learning_rate = static_cast<double>(s.learning_rate),
                                .beta1 = s.beta1,
                                .beta2 = s.beta2,
                                .epsilon = static_cast<double>(s.epsilon),
                                .t = static_cast<int>(s.step) + 1},
                               g, w, m, v, keep);
    return {y.w, y.m, y.v, y.w_magnitude, y.m_magnitude, y.v};
  }

  static Step bad_rate() { return {.beta1 = 1.0}; }

  static constexpr const char* kBadRate = "beta1 = 1,";
};

INSTANTIATE_TYPED_TEST_SUITE_P(Adam, OptimizerContract, AdamOp);

// With powers of two every intermediate of the moments is exact.
TEST(Adam, MomentsOfIntegersAreExact) {
  Stream stream;
  OptimizerArena a(1029);
  const auto g = a.g.set(random_integers(1029, 16, 5)), m = a.m.set(random_integers(1029, 16, 6));
  std::vector<double> v = random_integers(1029, 16, 7);
  for (double& x : v) x = std::abs(x) + 1;
  a.v.set(v);
  adam_step(stream, {.beta1 = 0.5, .beta2 = 0.5}, a.g.view(), {}, a.w.mut(), a.m.mut(), a.v.mut(),
            {});
  RefTensor new_m, new_v;
  for (size_t i = 0; i < g.size(); ++i) {
    new_m.value.push_back(0.5 * m[i] + 0.5 * g[i]);
    new_v.value.push_back(0.5 * v[i] + 0.5 * g[i] * g[i]);
  }
  new_m.magnitude = new_m.value;
  new_v.magnitude = new_v.value;
  EXPECT_TRUE(within(a.m, new_m, {.exact = true}));
  EXPECT_TRUE(within(a.v, new_v, {.exact = true}));
}

// Gradients 0.5, -0.25, 0.125, 1.0, rate 5e-5; worked out by hand from the formulas of the paper.
TEST(Adam, FourStepsWorkedOut) {
  Stream stream;
  TestBuffer g({1}, DType::kF32), w({1}, DType::kF32), m({1}, DType::kF32), v({1}, DType::kF32);
  w.set({0});
  m.set({0});
  v.set({0});
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  double mean = 0, square = 0, weight = 0, power1 = 1, power2 = 1;
  for (uint32_t i = 0; i < 4; ++i) {
    g.set({gradients[i]});
    adam_step(stream, {.step = i}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
    mean = 0.9 * mean + 0.1 * gradients[i];
    square = 0.999 * square + 0.001 * gradients[i] * gradients[i];
    power1 *= 0.9;
    power2 *= 0.999;
    weight -= 5e-5 * mean / (1 - power1) / (std::sqrt(square / (1 - power2)) + 1e-8);
    EXPECT_NEAR(w.get(0), weight, 1e-10) << "step " << i;  // a few 2^-24 of 1e-4
  }
}

TEST(Adam, FirstStepIsOneRateWhateverTheGradient) {
  Stream stream;
  TestBuffer g({2}, DType::kF32), w({2}, DType::kF32), m({2}, DType::kF32), v({2}, DType::kF32);
  g.set({3.0, -7e-4});
  w.set({0, 0});
  m.set({0, 0});
  v.set({0, 0});
  adam_step(stream, {.learning_rate = 1.0f}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
  EXPECT_NEAR(w.get(0), -1, 1e-5);
  EXPECT_NEAR(w.get(1), 1, 2e-5);  // epsilon is 1.4e-5 of this gradient
}

}  // namespace
}  // namespace diptych
