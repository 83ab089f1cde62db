// Tests of conv_transpose2d: every variant x every case x every pass, and the contract.
// SPDX-License-Identifier: MIT
#include "kernels/conv_transpose2d/conv_transpose2d.h"

#include <cmath>
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/conv_transpose2d/conv_transpose2d_ref.h"
#include "tests/support/conv_transpose2d_cases.h"
#include "tests/support/rounds.h"
#include "tests/support/throws.h"
#include "tests/support/variant_params.h"

namespace diptych {
namespace {

using ref::Values;

class ConvTranspose2dForward : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact,
             const ConvTranspose2dProblem& t,
             const ConvTranspose2dEpilogue& epilogue,
             DType y_dtype) {
    const DType dtype = GetParam().dtype;
    TestBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
    TestBuffer y(t.y_shape(), y_dtype);
    const Values x_values = x.set(inputs(exact, x.shape().numel(), 1));
    const Values w_values = w.set(inputs(exact, w.shape().numel(), 2));
    const Values b_values = b.set(inputs(exact, t.k, 3));
    const ConvTranspose2dForwardArgs args = {t, epilogue, x.view(), w.view(), b.view(), y.mut()};
    if (!run_variant(conv_transpose2d_forward_variants(), GetParam().variant, args)) return;
    RefTensor expected = ref::conv_transpose2d_forward(t, epilogue, x_values, w_values, b_values);
    if (exact) round_to(y_dtype, expected);
    EXPECT_TRUE(within(y, expected, any_order(exact, int64_t{t.r} * t.s * t.c))) << t;
  }

  void check_all(bool exact, const ConvTranspose2dEpilogue& epilogue, DType y_dtype) {
    for (const auto& t : conv_transpose2d_small_cases()) check(exact, t, epilogue, y_dtype);
  }
};

TEST_P(ConvTranspose2dForward, EqualsReferenceOnIntegers) {
  check_all(true, {.bias = true, .leaky_slope = 0.25f}, GetParam().dtype);
}

TEST_P(ConvTranspose2dForward, StaysWithinBoundOnReals) {
  check_all(false, {.bias = true, .leaky_slope = 0.2f}, GetParam().dtype);
}

TEST_P(ConvTranspose2dForward, WorksWithoutEpilogue) {
  check_all(true, {}, GetParam().dtype);
}

TEST_P(ConvTranspose2dForward, StoresF32) {
  check_all(false, {.bias = true}, DType::kF32);
}

INSTANTIATE_TEST_SUITE_P(ConvTranspose2d,
                         ConvTranspose2dForward,
                         ::testing::ValuesIn(variant_params(conv_transpose2d_forward_variants(),
                                                            false)),
                         name_of_param);

// The backward passes run conv2d's variants; here only the mapping onto them is at stake.
class ConvTranspose2dBackward : public ::testing::TestWithParam<DType> {
 protected:
  void check_data(GradMode mode) {
    for (const ConvTranspose2dProblem& t : conv_transpose2d_small_cases()) {
      TestBuffer da(t.y_shape(), GetParam()), w(t.w_shape(), GetParam());
      TestBuffer dx(t.x_shape(), GetParam());
      const Values da_values = da.set(random_integers(da.shape().numel(), 3, 1));
      const Values w_values = w.set(random_integers(w.shape().numel(), 3, 2));
      const Values start = dx.set(random_integers(dx.shape().numel(), 3, 3));
      RefTensor expected = ref::conv_transpose2d_backward_data(t, da_values, w_values);
      if (mode == GradMode::kAccumulate) add_to(expected, start);
      conv_transpose2d_backward_data(test_stream(), t, da.view(), w.view(), dx.grad(mode));
      round_to(GetParam(), expected);
      EXPECT_TRUE(within(dx, expected, {.exact = true})) << t;
    }
  }
};

TEST_P(ConvTranspose2dBackward, DataEqualsReferenceOnIntegers) {
  const ForceVariant plain("conv2d_forward", "loops");  // sums integers exactly
  check_data(GradMode::kOverwrite);
}

TEST_P(ConvTranspose2dBackward, DataAddsToWhatIsThere) {
  const ForceVariant plain("conv2d_forward", "loops");
  check_data(GradMode::kAccumulate);
}

TEST_P(ConvTranspose2dBackward, WeightEqualsReferenceInBothModes) {
  const ForceVariant plain("conv2d_backward_weight", "loops");
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    for (const ConvTranspose2dProblem& t : conv_transpose2d_small_cases()) {
      TestBuffer x(t.x_shape(), GetParam()), da(t.y_shape(), GetParam());
      TestBuffer dw(t.w_shape(), DType::kF32);
      const Values x_values = x.set(random_integers(x.shape().numel(), 3, 1));
      const Values da_values = da.set(random_integers(da.shape().numel(), 3, 2));
      const Values start = dw.set(random_integers(dw.shape().numel(), 3, 3));
      RefTensor expected = ref::conv_transpose2d_backward_weight(t, x_values, da_values);
      if (mode == GradMode::kAccumulate) add_to(expected, start);
      conv_transpose2d_backward_weight(test_stream(), t, x.view(), da.view(), dw.grad(mode));
      EXPECT_TRUE(within(dw, expected, {.exact = true})) << t;
    }
  }
}

TEST_P(ConvTranspose2dBackward, EpilogueUndoesLeakyAndSumsTheBias) {
  const ConvTranspose2dProblem t = growing_conv(1, 1, 1, 2, 2);  // y (1,2,2,2)
  TestBuffer y(t.y_shape(), GetParam()), dy(t.y_shape(), GetParam()), da(t.y_shape(), GetParam());
  TestBuffer db({2}, DType::kF32);
  y.set({1, -1, -1, 0, 2, 3, -1, -2});
  dy.set({4, 4, 8, 8, 2, 2, 1, 1});
  conv_transpose2d_backward_epilogue(test_stream(), t, {.bias = true, .leaky_slope = 0.5f},
                                     y.view(), dy.view(), da.mut(), db.grad());
  const double expected[] = {4, 2, 4, 8, 2, 2, 0.5, 0.5};
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(da.get(i), expected[i]) << i;
  EXPECT_EQ(db.get(0), 10.5);
  EXPECT_EQ(db.get(1), 12.5);
}

INSTANTIATE_TEST_SUITE_P(ConvTranspose2d,
                         ConvTranspose2dBackward,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

// Reals in f32, by whatever variants are chosen: agreement to the errors of sums of a few hundred
// terms.
TEST(ConvTranspose2dAdjoint, HoldsAmongThePasses) {
  for (const ConvTranspose2dProblem& t : conv_transpose2d_small_cases()) {
    TestBuffer x(t.x_shape(), DType::kF32), dx(t.x_shape(), DType::kF32);
    TestBuffer w(t.w_shape(), DType::kF32), dw(t.w_shape(), DType::kF32);
    TestBuffer y(t.y_shape(), DType::kF32), da(t.y_shape(), DType::kF32);
    x.set(random_reals(x.shape().numel(), 1));
    w.set(random_reals(w.shape().numel(), 2));
    da.set(random_reals(da.shape().numel(), 3));
    conv_transpose2d_forward(test_stream(), t, {}, x.view(), w.view(), {}, y.mut());
    conv_transpose2d_backward_data(test_stream(), t, da.view(), w.view(), dx.grad());
    conv_transpose2d_backward_weight(test_stream(), t, x.view(), da.view(), dw.grad());
    const double scale = std::sqrt(inner(y, y) * inner(da, da)) + 1e-6;
    EXPECT_NEAR(inner(y, da), inner(x, dx), 1e-5 * scale) << t;
    EXPECT_NEAR(inner(y, da), inner(w, dw), 1e-5 * scale) << t;
  }
}

// The rule y[stride*i + a - crop] += x[i] * W[a] on one row, worked by hand (README.md).
TEST(ConvTranspose2dExample, StrideTwoCropsTheEndOnly) {
  const ConvTranspose2dProblem t = {
      .n = 1, .h = 1, .w = 2, .c = 1, .k = 1, .r = 1, .s = 3, .stride = 2, .pad_right = 1};
  EXPECT_EQ(t.y_shape(), Shape({1, 1, 4, 1}));
  TestBuffer x(t.x_shape(), DType::kF32), w(t.w_shape(), DType::kF32), y(t.y_shape(), DType::kF32);
  x.set({10, 20});
  w.set({1, 2, 3});
  conv_transpose2d_forward(test_stream(), t, {}, x.view(), w.view(), {}, y.mut());
  const double expected[] = {10, 20, 50, 40};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(y.get(i), expected[i]) << i;
}

TEST(ConvTranspose2dNan, ShowsInEveryVariant) {
  const ConvTranspose2dProblem t = growing_conv(1, 4, 16, 16, 2);
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    TestBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), y(t.y_shape(), dtype);
    Values values(static_cast<size_t>(x.shape().numel()), 0.0);
    values[static_cast<size_t>((1 * t.w + 1) * t.c + 3)] = std::nan("");
    x.set(values);
    w.set(random_reals(w.shape().numel(), 1));
    for (const ConvTranspose2dVariant& variant : conv_transpose2d_forward_variants()) {
      const ConvTranspose2dForwardArgs args = {
          t, {.leaky_slope = 0.5f}, x.view(), w.view(), {}, y.mut()};
      if (!variant.accepts(test_stream(), args)) continue;
      variant.run(test_stream(), args);
      EXPECT_TRUE(std::isnan(y.get(static_cast<size_t>((2 * t.q() + 2) * t.k)))) << variant.name;
      EXPECT_EQ(y.get(0), 0.0) << variant.name;
    }
  }
}

TEST(ConvTranspose2dMessages, NameBothChannelCounts) {
  EXPECT_TRUE(throws(
      [] {
        make_conv_transpose2d_problem({1, 4, 4, 8}, {16, 3, 3, 8}, {});
      },
      "conv_transpose2d: x has C=8, w expects C=16; x (1,4,4,8), w (16,3,3,8)"));
}

TEST(ConvTranspose2dMessages, SayWhenEverythingIsCropped) {
  EXPECT_TRUE(throws(
      [] {
        make_conv_transpose2d_problem({1, 1, 4, 8}, {8, 3, 3, 8},
                                      {.stride = 2, .pad_top = 2, .pad_bottom = 1});
      },
      "no output is left"));
}

TEST(ConvTranspose2dMessages, NameTheTensorThatIsWrong) {
  const ConvTranspose2dProblem t = growing_conv(1, 2, 3, 4, 2);
  TestBuffer x(t.x_shape(), DType::kF32), w(t.w_shape(), DType::kF32), y(t.y_shape(), DType::kF32);
  TestBuffer small({1, 3, 4, 4}, DType::kF32);
  EXPECT_TRUE(throws(
      [&] { conv_transpose2d_forward(test_stream(), t, {}, x.view(), w.view(), {}, small.mut()); },
      "conv_transpose2d_forward: y is (1,3,4,4) f32, expected (1,4,4,4) f32"));
  EXPECT_TRUE(throws(
      [&] {
        conv_transpose2d_forward(test_stream(), t, {.bias = true}, x.view(), w.view(), {}, y.mut());
      },
      "b is missing"));
  EXPECT_TRUE(throws(
      [&] { conv_transpose2d_backward_data(test_stream(), t, small.view(), w.view(), x.grad()); },
      "conv_transpose2d_backward_data: da is (1,3,4,4) f32"));
  EXPECT_TRUE(throws(
      [&] { conv_transpose2d_backward_weight(test_stream(), t, x.view(), y.view(), x.grad()); },
      "conv_transpose2d_backward_weight: dw is (1,2,2,3) f32"));
}

}  // namespace
}  // namespace diptych
