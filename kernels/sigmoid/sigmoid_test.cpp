// Tests of sigmoid.
// SPDX-License-Identifier: MIT
#include "kernels/sigmoid/sigmoid.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/sigmoid/sigmoid_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// exp is good to 2^-24 * (2 for the reduction of abs(t) <= 87, 8 for the polynomial, 1 for the
// scale); a relative error of e moves e/(1+e) by as much; then a sum and a quotient: 14 in all.
constexpr double kForwardRoundings = 14;

class SigmoidDtype : public ::testing::TestWithParam<DType> {};

TEST_P(SigmoidDtype, ForwardIsWithinItsBound) {
  Stream stream;
  for (const int64_t count : {1, 7, 1023, 1025, 40001}) {
    for (const double range : {1.0, 20.0, 86.0}) {
      TestBuffer x({count}, GetParam()), y({count}, GetParam());
      std::vector<double> values = random_reals(count, 11);
      for (double& v : values) v *= range;
      const auto xv = x.set(values);
      sigmoid_forward(stream, x.view(), y.mut());
      RefTensor ref;
      for (const double v : xv) ref.value.push_back(sigmoid_ref(v));
      ref.magnitude = ref.value;
      EXPECT_TRUE(within(y, ref, {.c = kForwardRoundings})) << count << " within " << range;
    }
  }
}

TEST_P(SigmoidDtype, BackwardUsesTheStoredOutput) {
  Stream stream;
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    const Shape shape{1, 3, 341, 1};
    TestBuffer y(shape, GetParam()), dy(shape, GetParam()), dx(shape, GetParam());
    std::vector<double> values = random_reals(shape.numel(), 12);
    for (double& v : values) v = std::abs(v);
    const auto yv = y.set(values), dyv = dy.set(random_reals(shape.numel(), 13));
    const auto before = dx.set(random_reals(shape.numel(), 14));
    sigmoid_backward(stream, y.view(), dy.view(), dx.grad(mode));
    RefTensor ref;
    for (size_t i = 0; i < yv.size(); ++i) {
      const double slope = sigmoid_ref_backward(yv[i], dyv[i]);
      const double old = mode == GradMode::kAccumulate ? before[i] : 0.0;
      ref.value.push_back(slope + old);
      ref.magnitude.push_back(std::abs(slope) + std::abs(old));
    }
    EXPECT_TRUE(within(dx, ref, {.c = 4}));  // 1-y, two products, the accumulation
  }
}

TEST(Sigmoid, KnownPoints) {
  Stream stream;
  TestBuffer x({6}, DType::kF32), y({6}, DType::kF32);
  x.set({0.0, 100.0, kInf, -100.0, -kInf, std::numeric_limits<double>::quiet_NaN()});
  sigmoid_forward(stream, x.view(), y.mut());
  EXPECT_EQ(y.get(0), 0.5);
  EXPECT_EQ(y.get(1), 1.0);
  EXPECT_EQ(y.get(2), 1.0);
  EXPECT_GE(y.get(3), 0.0);
  EXPECT_LT(y.get(3), 2e-38);
  EXPECT_GE(y.get(4), 0.0);
  EXPECT_LT(y.get(4), 2e-38);
  EXPECT_TRUE(std::isnan(y.get(5)));
}

TEST(Sigmoid, ReferenceBackwardMatchesFiniteDifferences) {
  const double h = 1e-5;
  for (const double x : {-4.0, -0.3, 0.0, 1.7, 6.0}) {
    const double slope = (sigmoid_ref(x + h) - sigmoid_ref(x - h)) / (2 * h);
    EXPECT_NEAR(sigmoid_ref_backward(sigmoid_ref(x), 1.0), slope, 1e-9) << x;
  }
}

TEST(Sigmoid, RejectsShapesAndDtypesThatDiffer) {
  Stream stream;
  TestBuffer a({4}, DType::kF32), b({5}, DType::kF32), h({4}, DType::kBF16);
  EXPECT_THROW(sigmoid_forward(stream, a.view(), b.mut()), Error);
  EXPECT_THROW(sigmoid_forward(stream, a.view(), h.mut()), Error);
  EXPECT_THROW(sigmoid_backward(stream, a.view(), b.view(), a.grad()), Error);
  EXPECT_THROW(sigmoid_backward(stream, a.view(), h.view(), a.grad()), Error);
  try {
    sigmoid_forward(stream, a.view(), b.mut());
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "sigmoid_forward: x is (4) f32, y is (5) f32");
  }
}

INSTANTIATE_TEST_SUITE_P(Sigmoid,
                         SigmoidDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

}  // namespace
}  // namespace diptych
