// Tests of adabelief and of the update mask.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

#include <cmath>

#include <gtest/gtest.h>

#include "kernels/adabelief/adabelief_ref.h"
#include "kernels/adabelief/keep_mask.h"
#include "tests/support/optimizer_contract.h"

namespace diptych {
namespace {

struct AdaBeliefOp {
  using Step = AdaBeliefStep;

  // Scale, constant, product, sum for m (4); twice that through the square, its products and the
  // sum for v; root, sum, quotient, products and the last difference for w.
  static constexpr double kRoundings = 16;

  static void run(Stream& stream,
                  const Step& step,
                  View g,
                  View scale,
                  MutView w,
                  MutView m,
                  MutView v,
                  MutView copy) {
    adabelief_step(stream, step, g, scale, w, m, v, copy);
  }

  static ExpectedUpdate expected(const Step& s, double g, double w, double m, double v, bool keep) {
    const AdaBeliefRef y = adabelief_ref({.learning_rate = static_cast<double>(s.learning_rate),
                                          .beta1 = s.beta1,
                                          .beta2 = s.beta2,
                                          .epsilon = static_cast<double>(s.epsilon)},
                                         g, w, m, v, keep);
    return {y.w, y.m, y.v, y.w_magnitude, y.m_magnitude, y.v_magnitude};
  }

  static Step bad_rate() { return {.beta1 = 1.0}; }

  static constexpr const char* kBadRate = "beta1 = 1,";
};

INSTANTIATE_TYPED_TEST_SUITE_P(AdaBelief, OptimizerContract, AdaBeliefOp);

// With powers of two every intermediate of the moments is exact.
TEST(AdaBelief, MomentsOfIntegersAreExact) {
  Stream stream;
  OptimizerArena a(1029);
  const auto g = a.g.set(random_integers(1029, 16, 5)), m = a.m.set(random_integers(1029, 16, 6));
  const auto v = a.v.set(random_integers(1029, 16, 7));
  std::vector<double> positive = v;
  for (double& x : positive) x = std::abs(x) + 1;
  a.v.set(positive);
  adabelief_step(stream, {.beta1 = 0.5, .beta2 = 0.5}, a.g.view(), {}, a.w.mut(), a.m.mut(),
                 a.v.mut(), {});
  RefTensor new_m, new_v;
  for (size_t i = 0; i < g.size(); ++i) {
    const double mean = 0.5 * m[i] + 0.5 * g[i];
    new_m.value.push_back(mean);
    new_v.value.push_back(0.5 * positive[i] + 0.5 * (g[i] - mean) * (g[i] - mean));
  }
  new_m.magnitude = new_m.value;
  new_v.magnitude = new_v.value;
  EXPECT_TRUE(within(a.m, new_m, {.exact = true}));
  EXPECT_TRUE(within(a.v, new_v, {.exact = true}));
}

// Spec training.md 5.4.
TEST(AdaBelief, TestVectorOfTheSpec) {
  Stream stream;
  TestBuffer g({1}, DType::kF32), w({1}, DType::kF32), m({1}, DType::kF32), v({1}, DType::kF32);
  w.set({0});
  m.set({0});
  v.set({0});
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  const double weights[] = {-1.7566975e-4, -2.3594675e-4, -3.2645697e-4, -5.2358869e-4};
  for (int i = 0; i < 4; ++i) {
    g.set({gradients[i]});
    adabelief_step(stream, {}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
    EXPECT_NEAR(w.get(0), weights[i], 2e-10) << "step " << i;  // a few 2^-24 of 5e-4
  }
  EXPECT_NEAR(m.get(0), 0.12745, 1e-7);
  EXPECT_NEAR(v.get(0), 0.00104491, 5e-9);
}

// Spec training.md 5.2, quirk: 3.5 lr whatever the gradient.
TEST(AdaBelief, FirstStepHasTheSameSizeWhateverTheGradient) {
  Stream stream;
  TestBuffer g({2}, DType::kF32), w({2}, DType::kF32), m({2}, DType::kF32), v({2}, DType::kF32);
  g.set({3.0, -70.0});
  w.set({0, 0});
  m.set({0, 0});
  v.set({0, 0});
  adabelief_step(stream, {.learning_rate = 1.0f}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
  EXPECT_NEAR(w.get(0), -3.5136, 1e-3);
  EXPECT_NEAR(w.get(1), 3.5136, 1e-3);
}

TEST(KeepMask, KeepsTheShareAskedFor) {
  std::vector<float> mask(100000);
  draw_keep_mask({.seed = 9, .threshold = keep_threshold(0.3)}, 0, mask.data(), 100000);
  double kept = 0;
  for (const float m : mask) kept += m;
  EXPECT_NEAR(kept / 100000, 0.3, 5 * std::sqrt(0.3 * 0.7 / 100000));
}

TEST(KeepMask, DiffersBetweenStepsStreamsAndSeeds) {
  const KeepDraw base{.seed = 1, .stream = 1, .step = 1, .threshold = keep_threshold(0.5)};
  KeepDraw step = base, stream = base, seed = base;
  step.step = 2;
  stream.stream = 2;
  seed.seed = uint64_t{1} << 32 | 1;
  std::vector<float> a(10000), b(10000);
  draw_keep_mask(base, 0, a.data(), 10000);
  for (const KeepDraw& other : {step, stream, seed}) {
    draw_keep_mask(other, 0, b.data(), 10000);
    int equal = 0;
    for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
    EXPECT_NEAR(equal, 5000, 5 * 50);  // independent draws agree half of the time
  }
}

TEST(KeepMask, ASliceDrawsAsTheWhole) {
  const KeepDraw draw{.seed = 4, .threshold = keep_threshold(0.3)};
  std::vector<float> whole(2000), part(777);
  draw_keep_mask(draw, 0, whole.data(), 2000);
  for (const int64_t first : {0, 1, 7, 8, 509, 1000}) {
    draw_keep_mask(draw, first, part.data(), 777);
    for (size_t i = 0; i < part.size(); ++i)
      ASSERT_EQ(part[i], whole[static_cast<size_t>(first) + i]) << first << " + " << i;
  }
}

}  // namespace
}  // namespace diptych
