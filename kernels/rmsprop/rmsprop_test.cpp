// Tests of rmsprop.
// SPDX-License-Identifier: MIT
#include "kernels/rmsprop/rmsprop.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/compare.h"

namespace diptych {
namespace {

struct Buffers {
  explicit Buffers(int64_t n)
      : g({n}, DType::kF32), w({n}, DType::kF32), v({n}, DType::kF32), copy({n}, DType::kBF16) {
    const std::vector<double> zeros(static_cast<size_t>(n), 0.0);
    w.set(zeros);
    v.set(zeros);
  }

  void step(const RmsPropStep& s) {
    rmsprop_step(stream, s, g.view(), {}, w.mut(), v.mut(), copy.mut());
  }

  Stream stream;
  TestBuffer g, w, v, copy;
};

// Spec training.md 5.4.
TEST(RmsProp, MatchesTheTestVector) {
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  const double weights[] = {-1.5811288e-4, -8.4392340e-5, -1.2212393e-4, -2.6371845e-4};
  Buffers b(1);
  for (int i = 0; i < 4; ++i) {
    b.g.set({gradients[i]});
    b.step({});
    EXPECT_NEAR(b.w.get(0), weights[i], 2e-10) << "step " << i;
  }
  EXPECT_NEAR(b.v.get(0), 0.12469375, 1e-7);
}

TEST(RmsProp, FollowsTheReferenceForManyStepsAtAnyLength) {
  for (const int64_t n : {1, 7, 511, 513, 3000}) {
    Buffers b(n);
    std::vector<double> w(static_cast<size_t>(n), 0.0), v(w);
    for (int s = 0; s < 10; ++s) {
      const std::vector<double> g = b.g.set(random_reals(n, 20 + static_cast<uint64_t>(s)));
      b.step({.learning_rate = 1e-3f});
      for (size_t i = 0; i < w.size(); ++i) {
        v[i] = 0.9 * v[i] + (1 - 0.9) * g[i] * g[i];
        w[i] -= 1e-3f * g[i] / (std::sqrt(v[i]) + 1e-6f);
      }
    }
    for (size_t i = 0; i < w.size(); ++i) {
      // Ten steps of about five roundings each, relative to the step size of a few rates.
      ASSERT_NEAR(b.w.get(i), w[i], 50 * 0x1p-24 * (std::abs(w[i]) + 1e-2)) << n << ' ' << i;
      ASSERT_EQ(b.copy.get(i),
                static_cast<double>(static_cast<float>(bf16(static_cast<float>(b.w.get(i))))));
    }
    EXPECT_TRUE(b.w.guards_intact() && b.v.guards_intact() && b.copy.guards_intact());
  }
}

TEST(RmsProp, DropoutTouchesTheWeightAndNotTheMoment) {
  Buffers dropped(4001), full(4001);
  const std::vector<double> g = random_reals(4001, 6);
  dropped.g.set(g);
  full.g.set(g);
  dropped.step({.keep_probability = 0.3f, .seed = 3, .step = 7});
  full.step({});
  int moved = 0;
  for (size_t i = 0; i < 4001; ++i) {
    EXPECT_EQ(dropped.v.get(i), full.v.get(i));
    EXPECT_TRUE(dropped.w.get(i) == 0.0 || dropped.w.get(i) == full.w.get(i));
    moved += dropped.w.get(i) != 0.0;
  }
  EXPECT_NEAR(moved, 0.3 * 4001, 5 * std::sqrt(4001 * 0.21));  // five standard deviations
}

TEST(RmsProp, ANanGradientShows) {
  Buffers b(20);
  std::vector<double> g(20, 0.5);
  g[13] = std::numeric_limits<double>::quiet_NaN();
  b.g.set(g);
  b.step({});
  EXPECT_TRUE(std::isnan(b.w.get(13)));
  EXPECT_FALSE(std::isnan(b.w.get(12)));
}

TEST(RmsProp, RefusesWhatDoesNotFit) {
  Buffers b(4), other(5);
  EXPECT_THROW(rmsprop_step(b.stream, {}, b.g.view(), {}, other.w.mut(), b.v.mut(), {}), Error);
  EXPECT_THROW(b.step({.rho = 1.0}), Error);
}

}  // namespace
}  // namespace diptych
