// Tests of rmsprop.
// SPDX-License-Identifier: MIT
#include "kernels/rmsprop/rmsprop.h"

#include <gtest/gtest.h>

#include "kernels/rmsprop/rmsprop_ref.h"
#include "tests/support/optimizer_contract.h"

namespace diptych {
namespace {

struct RmsPropOp {
  using Step = RmsPropStep;

  // Scale, square, constants, products and sum for v (6); half of them through the root, then root,
  // sum, product, quotient and the last difference for w.
  static constexpr double kRoundings = 9;

  static void run(Stream& stream,
                  const Step& step,
                  View g,
                  View scale,
                  MutView w,
                  MutView,
                  MutView v,
                  MutView copy) {
    rmsprop_step(stream, step, g, scale, w, v, copy);
  }

  static ExpectedUpdate expected(const Step& s, double g, double w, double m, double v, bool keep) {
    const RmsPropRef y = rmsprop_ref(s.learning_rate, s.rho, s.epsilon, g, w, v, keep);
    return {y.w, m, y.v, y.w_magnitude, 0, y.v};
  }

  static Step bad_rate() { return {.rho = 1.0}; }

  static constexpr const char* kBadRate = "rho = 1,";
};

INSTANTIATE_TYPED_TEST_SUITE_P(RmsProp, OptimizerContract, RmsPropOp);

// Spec training.md 5.4.
TEST(RmsProp, TestVectorOfTheSpec) {
  Stream stream;
  TestBuffer g({1}, DType::kF32), w({1}, DType::kF32), v({1}, DType::kF32);
  w.set({0});
  v.set({0});
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  const double weights[] = {-1.5811288e-4, -8.4392340e-5, -1.2212393e-4, -2.6371845e-4};
  for (int i = 0; i < 4; ++i) {
    g.set({gradients[i]});
    rmsprop_step(stream, {}, g.view(), {}, w.mut(), v.mut(), {});
    EXPECT_NEAR(w.get(0), weights[i], 1e-10) << "step " << i;  // a few 2^-24 of 3e-4
  }
  EXPECT_NEAR(v.get(0), 0.12469375, 5e-8);
}

}  // namespace
}  // namespace diptych
