// Tests of adabelief and the keep mask.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/adabelief/adabelief_ref.h"
#include "kernels/adabelief/keep_mask.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

struct Buffers {
  explicit Buffers(int64_t n)
      : g({n}, DType::kF32),
        w({n}, DType::kF32),
        m({n}, DType::kF32),
        v({n}, DType::kF32),
        copy({n}, DType::kBF16) {
    const std::vector<double> zeros(static_cast<size_t>(n), 0.0);
    w.set(zeros);
    m.set(zeros);
    v.set(zeros);
  }

  void step(const AdaBeliefStep& s) {
    adabelief_step(stream, s, g.view(), {}, w.mut(), m.mut(), v.mut(), copy.mut());
  }

  Stream stream;
  TestBuffer g, w, m, v, copy;
};

// Spec training.md 5.4.
TEST(AdaBelief, MatchesTheTestVector) {
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  const double weights[] = {-1.7566975e-4, -2.3594675e-4, -3.2645697e-4, -5.2358869e-4};
  Buffers b(1);
  for (int i = 0; i < 4; ++i) {
    b.g.set({gradients[i]});
    b.step({});
    EXPECT_NEAR(b.w.get(0), weights[i], 2e-10) << "step " << i;
  }
  EXPECT_NEAR(b.m.get(0), 0.12745, 1e-7);
  EXPECT_NEAR(b.v.get(0), 0.00104491, 1e-8);
}

TEST(AdaBelief, FollowsTheReferenceForManyStepsAtAnyLength) {
  for (const int64_t n : {1, 7, 511, 513, 5000}) {
    Buffers b(n);
    std::vector<AdaBeliefRef> ref(static_cast<size_t>(n));
    for (int s = 0; s < 10; ++s) {
      const std::vector<double> g = b.g.set(random_reals(n, 10 + static_cast<uint64_t>(s)));
      b.step({.learning_rate = 1e-3f});
      for (size_t i = 0; i < ref.size(); ++i) ref[i].step(g[i], 1e-3f, 0.9, 0.999, 1e-6f);
    }
    for (size_t i = 0; i < ref.size(); ++i) {
      // Ten steps of about six roundings each, relative to the step size of a few rates.
      ASSERT_NEAR(b.w.get(i), ref[i].w, 60 * 0x1p-24 * (std::abs(ref[i].w) + 1e-2))
          << n << ' ' << i;
      ASSERT_EQ(b.copy.get(i),
                static_cast<double>(static_cast<float>(bf16(static_cast<float>(b.w.get(i))))));
    }
    EXPECT_TRUE(b.w.guards_intact() && b.m.guards_intact() && b.v.guards_intact() &&
                b.copy.guards_intact());
  }
}

TEST(AdaBelief, ScalesTheGradientBeforeEverything) {
  Buffers scaled(9), plain(9);
  const std::vector<double> g = random_reals(9, 5);
  scaled.g.set(g);
  std::vector<double> quarter = g;
  for (double& x : quarter) x *= 0.25;
  plain.g.set(quarter);
  TestBuffer scale({1}, DType::kF32);
  scale.set({0.25});
  adabelief_step(scaled.stream, {}, scaled.g.view(), scale.view(), scaled.w.mut(), scaled.m.mut(),
                 scaled.v.mut(), {});
  plain.step({});
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(scaled.w.get(i), plain.w.get(i));
}

TEST(AdaBelief, DropoutTouchesTheWeightAndNotTheMoments) {
  Buffers dropped(4001), full(4001);
  const std::vector<double> g = random_reals(4001, 6);
  dropped.g.set(g);
  full.g.set(g);
  dropped.step({.keep_probability = 0.3f, .seed = 3, .step = 7});
  full.step({});
  int moved = 0;
  for (size_t i = 0; i < 4001; ++i) {
    EXPECT_EQ(dropped.m.get(i), full.m.get(i));
    EXPECT_EQ(dropped.v.get(i), full.v.get(i));
    EXPECT_TRUE(dropped.w.get(i) == 0.0 || dropped.w.get(i) == full.w.get(i));
    moved += dropped.w.get(i) != 0.0;
  }
  EXPECT_NEAR(moved, 0.3 * 4001, 5 * std::sqrt(4001 * 0.21));  // five standard deviations
}

TEST(AdaBelief, ASliceDrawsAsTheWholeArena) {
  constexpr int64_t kN = 1500, kCut = 613;
  Buffers whole(kN), head(kCut), tail(kN - kCut);
  const std::vector<double> g = random_reals(kN, 8);
  whole.g.set(g);
  head.g.set({g.begin(), g.begin() + kCut});
  tail.g.set({g.begin() + kCut, g.end()});
  AdaBeliefStep s{.keep_probability = 0.5f, .seed = 11, .step = 2};
  whole.step(s);
  head.step(s);
  s.first_element = kCut;
  tail.step(s);
  for (size_t i = 0; i < static_cast<size_t>(kN); ++i) {
    const auto cut = static_cast<size_t>(kCut);
    EXPECT_EQ(whole.w.get(i), i < cut ? head.w.get(i) : tail.w.get(i - cut)) << i;
  }
}

TEST(AdaBelief, ANanGradientShows) {
  Buffers b(20);
  std::vector<double> g(20, 0.5);
  g[13] = std::numeric_limits<double>::quiet_NaN();
  b.g.set(g);
  b.step({});
  EXPECT_TRUE(std::isnan(b.w.get(13)));
  EXPECT_FALSE(std::isnan(b.w.get(12)));
}

TEST(AdaBelief, RefusesWhatDoesNotFit) {
  Buffers b(4), other(5);
  EXPECT_THROW(
      adabelief_step(b.stream, {}, b.g.view(), {}, other.w.mut(), b.m.mut(), b.v.mut(), {}), Error);
  EXPECT_THROW(
      adabelief_step(b.stream, {}, b.g.view(), {}, b.w.mut(), b.m.mut(), b.v.mut(), b.w.mut()),
      Error);
  EXPECT_THROW(b.step({.keep_probability = 0.0f}), Error);
  EXPECT_THROW(b.step({.beta1 = 1.0}), Error);
}

}  // namespace
}  // namespace diptych
