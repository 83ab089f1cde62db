// Tests of conv2d's contract: shapes, messages, the gradient of the epilogue.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_ref.h"
#include "tests/support/cases.h"
#include "tests/support/throws.h"
#include "tests/support/variant_params.h"

namespace diptych {
namespace {

using ref::Values;

// Shapes.

TEST(Conv2dProblem, EncoderHalvesEvenSizesAndRoundsOddOnesUp) {
  EXPECT_EQ(square_conv(1, 128, 3, 64, 5, 2).p(), 64);
  EXPECT_EQ(square_conv(1, 9, 3, 64, 5, 2).q(), 5);
}

TEST(Conv2dProblem, FourByFourStrideTwoGrowsEvenSizesByOne) {
  EXPECT_EQ(square_conv(1, 8, 3, 4, 4, 2).p(), 5);  // spec networks.md 1.1
  EXPECT_EQ(square_conv(1, 9, 3, 4, 4, 2).p(), 5);
}

TEST(Conv2dProblem, EachPaddingCountsOnItsOwnSide) {
  const Conv2dProblem t = make_conv2d_problem(
      {1, 6, 11, 5}, {7, 3, 3, 5},
      {.stride = 1, .pad_top = 1, .pad_left = 0, .pad_bottom = 0, .pad_right = 2});
  EXPECT_EQ(t.a_shape(), Shape({1, 5, 11, 7}));
}

TEST(Conv2dProblem, DepthToSpaceDoublesTheImageAndQuartersTheChannels) {
  const Conv2dEpilogue up = {.depth_to_space = true};
  EXPECT_EQ(up.y_shape(square_conv(2, 8, 3, 12, 3, 1)), Shape({2, 16, 16, 3}));
}

// The example of README.md: one pixel, one channel, K=8.
TEST(Conv2dForwardStore, DepthToSpacePutsBlockRowThenColumnThenChannel) {
  const Conv2dProblem t = square_conv(1, 1, 1, 8, 1, 1);
  TestBuffer x(t.x_shape(), DType::kF32), w(t.w_shape(), DType::kF32);
  x.set({1});
  w.set({0, 1, 2, 3, 4, 5, 6, 7});
  const Conv2dEpilogue up = {.depth_to_space = true};
  for (const auto& variant : conv2d_forward_variants()) {
    TestBuffer y(up.y_shape(t), DType::kF32);
    const Conv2dForwardArgs args = {t, up, x.view(), w.view(), {}, {}, y.mut()};
    if (!variant.accepts(test_stream(), args)) continue;
    variant.run(test_stream(), args);
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(y.get(i), static_cast<double>(i)) << variant.name;
  }
}

// Messages.

class Conv2dMessages : public ::testing::Test {
 protected:
  Conv2dProblem t = square_conv(1, 4, 3, 8, 3, 1);
  TestBuffer x{t.x_shape(), DType::kF32}, w{t.w_shape(), DType::kF32}, y{t.a_shape(), DType::kF32};
  TestBuffer b{{8}, DType::kF32}, small{{1, 4, 4, 7}, DType::kF32};
  TestBuffer x16{t.x_shape(), DType::kBF16}, w16{t.w_shape(), DType::kBF16};
  TestBuffer y16{t.a_shape(), DType::kBF16};
};

TEST_F(Conv2dMessages, NameBothChannelCounts) {
  EXPECT_TRUE(throws(
      [&] {
        make_conv2d_problem({8, 64, 64, 48}, {128, 3, 3, 64}, {});
      },
      "conv2d: x has C=48, w expects C=64; x (8,64,64,48), w (128,3,3,64)"));
}

TEST_F(Conv2dMessages, NameTheRankThatIsWrong) {
  EXPECT_TRUE(throws(
      [&] {
        make_conv2d_problem({8, 64, 48}, {128, 3, 3, 64}, {});
      },
      "expected x (N,H,W,C)"));
}

TEST_F(Conv2dMessages, SayWhenNoOutputIsLeft) {
  EXPECT_TRUE(throws(
      [&] {
        make_conv2d_problem({1, 2, 9, 4}, {4, 3, 3, 4}, {.stride = 2});
      },
      "no output is left"));
}

TEST_F(Conv2dMessages, NameTheTensorWhoseShapeIsWrong) {
  EXPECT_TRUE(
      throws([&] { conv2d_forward(test_stream(), t, {}, small.view(), w.view(), {}, {}, y.mut()); },
             "conv2d_forward: x is (1,4,4,7) f32, expected (1,4,4,3) f32"));
}

TEST_F(Conv2dMessages, NameTheTensorThatIsMissing) {
  EXPECT_TRUE(throws(
      [&] {
        conv2d_forward(test_stream(), t, {.bias = true}, x.view(), w.view(), {}, {}, y.mut());
      },
      "conv2d_forward: b is missing; expected (8) f32"));
  EXPECT_TRUE(throws(
      [&] {
        conv2d_forward(test_stream(), t, {.residual = true}, x.view(), w.view(), {}, {}, y.mut());
      },
      "residual is missing"));
}

TEST_F(Conv2dMessages, NameTheDtypeThatIsWrong) {
  EXPECT_TRUE(
      throws([&] { conv2d_forward(test_stream(), t, {}, x.view(), w16.view(), {}, {}, y.mut()); },
             "w is (8,3,3,3) bf16, expected (8,3,3,3) f32"));
  EXPECT_TRUE(
      throws([&] { conv2d_forward(test_stream(), t, {}, x.view(), w.view(), {}, {}, y16.mut()); },
             "y is bf16, x is f32"));
}

TEST_F(Conv2dMessages, RefuseSlopesThatHideTheSign) {
  EXPECT_TRUE(throws(
      [&] {
        conv2d_forward(test_stream(), t, {.leaky_slope = 0.0f}, x.view(), w.view(), {}, {},
                       y.mut());
      },
      "leaky_slope = 0, expected in (0,1]"));
}

TEST_F(Conv2dMessages, RefuseDepthToSpaceOfChannelsNotDivisibleByFour) {
  const Conv2dProblem odd = square_conv(1, 4, 3, 6, 3, 1);
  EXPECT_TRUE(throws(
      [&] {
        conv2d_forward(test_stream(), odd, {.depth_to_space = true}, x.view(), w.view(), {}, {},
                       y.mut());
      },
      "divisible by 4"));
}

TEST_F(Conv2dMessages, NameTheTensorsOfTheBackwardPasses) {
  EXPECT_TRUE(
      throws([&] { conv2d_backward_data(test_stream(), t, small.view(), w.view(), x.grad()); },
             "conv2d_backward_data: da is (1,4,4,7) f32, expected (1,4,4,8) f32"));
  EXPECT_TRUE(
      throws([&] { conv2d_backward_weight(test_stream(), t, x16.view(), y16.view(), w16.grad()); },
             "conv2d_backward_weight: dw is (8,3,3,3) bf16, expected (8,3,3,3) f32"));
  EXPECT_TRUE(throws(
      [&] {
        conv2d_backward_epilogue(test_stream(), t, {.leaky_slope = 0.5f}, {}, y.view(), y.mut(),
                                 {});
      },
      "conv2d_backward_epilogue: y is missing"));
}

TEST_F(Conv2dMessages, RefuseDepthToSpaceInPlace) {
  TestBuffer dy({1, 8, 8, 2}, DType::kF32);
  MutView da = {dy.data(), t.a_shape(), DType::kF32};
  EXPECT_TRUE(throws(
      [&] {
        conv2d_backward_epilogue(test_stream(), t, {.depth_to_space = true}, {}, dy.view(), da, {});
      },
      "da must not be dy"));
}

TEST_F(Conv2dMessages, NameAVariantThatDoesNotExist) {
  const ForceVariant force("conv2d_forward", "wishful");
  EXPECT_TRUE(
      throws([&] { conv2d_forward(test_stream(), t, {}, x.view(), w.view(), {}, {}, y.mut()); },
             "no variant is named wishful"));
}

// The gradient of the epilogue.

class Conv2dBackwardEpilogue : public ::testing::TestWithParam<DType> {
 protected:
  // Slope 0.5 keeps the gradients exact; db is a sum of integers and halves.
  void check(const Conv2dCase& test_case, GradMode mode, bool in_place) {
    const Conv2dProblem& t = test_case.problem;
    Conv2dEpilogue epilogue = test_case.epilogue;
    if (epilogue.leaky_slope != 1.0f) epilogue.leaky_slope = 0.5f;
    const Shape y_shape = epilogue.y_shape(t);
    TestBuffer y(y_shape, GetParam()), dy(y_shape, GetParam()), da(t.a_shape(), GetParam());
    TestBuffer db({t.k}, DType::kF32);
    const Values y_values = y.set(random_integers(y_shape.numel(), 3, 1));
    const Values dy_values = dy.set(random_integers(y_shape.numel(), 3, 2));
    const Values start = db.set(random_integers(t.k, 3, 3));
    auto [expected_da, expected_db] =
        ref::conv2d_backward_epilogue(t, epilogue, y_values, dy_values);
    for (size_t i = 0; i < start.size() && mode == GradMode::kAccumulate; ++i) {
      ref::add_term(expected_db, i, start[i]);
    }
    TestBuffer& out = in_place ? dy : da;
    conv2d_backward_epilogue(test_stream(), t, epilogue, y.view(), dy.view(), out.mut(),
                             db.grad(mode));
    EXPECT_TRUE(within(out, expected_da, {.exact = true})) << "da " << t;
    EXPECT_TRUE(within(db, expected_db, {.exact = true})) << "db " << t;
  }
};

TEST_P(Conv2dBackwardEpilogue, EqualsReferenceOnIntegers) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    check(test_case, GradMode::kOverwrite, false);
  }
}

TEST_P(Conv2dBackwardEpilogue, AddsToTheBiasGradient) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    check(test_case, GradMode::kAccumulate, false);
  }
}

TEST_P(Conv2dBackwardEpilogue, WorksInPlaceWhenNothingMoves) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    if (!test_case.epilogue.depth_to_space) check(test_case, GradMode::kOverwrite, true);
  }
}

TEST_P(Conv2dBackwardEpilogue, SkipsAnUndefinedBiasGradient) {
  const Conv2dProblem t = square_conv(1, 3, 1, 2, 1, 1);
  TestBuffer dy(t.a_shape(), GetParam()), da(t.a_shape(), GetParam());
  const Values values = dy.set(random_integers(t.a_shape().numel(), 3, 1));
  conv2d_backward_epilogue(test_stream(), t, {}, {}, dy.view(), da.mut(), {});
  EXPECT_TRUE(within(da, {values, values}, {.exact = true}));
}

TEST_P(Conv2dBackwardEpilogue, SumsManyRowsWithinBound) {
  const Conv2dProblem t = square_conv(3, 37, 1, 19, 1, 1);
  TestBuffer dy(t.a_shape(), GetParam()), da(t.a_shape(), GetParam()), db({t.k}, DType::kF32);
  const Values values = dy.set(random_reals(t.a_shape().numel(), 1));
  const auto expected = ref::conv2d_backward_epilogue(t, {}, {}, values);
  conv2d_backward_epilogue(test_stream(), t, {}, {}, dy.view(), da.mut(), db.grad());
  EXPECT_TRUE(within(db, expected.db, {.c = 37}));  // in f32 along a row, then in double
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dBackwardEpilogue,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

}  // namespace
}  // namespace diptych
