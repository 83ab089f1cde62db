// Properties of every conv2d variant: NaN shows, passes are adjoint, bits repeat, packed copies are
// right.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_ref.h"
#include "tests/support/cases.h"
#include "tests/support/rounds.h"
#include "tests/support/variant_params.h"

namespace diptych {
namespace {

using ref::Values;

// Where the reference is NaN, so is the output.
::testing::AssertionResult shows_nan(const TestBuffer& actual, const RefTensor& ref) {
  int64_t expected = 0;
  for (size_t i = 0; i < ref.value.size(); ++i) {
    if (!std::isnan(ref.value[i])) continue;
    ++expected;
    if (!std::isnan(actual.get(i))) return ::testing::AssertionFailure() << "number at " << i;
  }
  if (expected > 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the case holds no NaN";
}

struct NanCase {
  Conv2dProblem t = square_conv(1, 6, 16, 32, 3, 1);
  Conv2dEpilogue epilogue = {.bias = true, .leaky_slope = 0.25f};
  DType dtype;
  TestBuffer x, w, b, y, dx, dw;
  Values x_values, w_values, b_values, da_values;

  explicit NanCase(DType type)
      : dtype(type),
        x(t.x_shape(), type),
        w(t.w_shape(), type),
        b({t.k}, DType::kF32),
        y(t.a_shape(), type),
        dx(t.x_shape(), type),
        dw(t.w_shape(), DType::kF32) {
    Values with_nan = random_reals(t.x_shape().numel(), 1);
    with_nan[static_cast<size_t>((2 * t.w + 3) * t.c + 5)] = std::nan("");
    x_values = x.set(with_nan);
    w_values = w.set(random_reals(t.w_shape().numel(), 2));
    b_values = b.set(random_reals(t.k, 3));
    Values da = random_reals(t.a_shape().numel(), 4);
    da[static_cast<size_t>((3 * t.q() + 2) * t.k + 7)] = std::nan("");
    da_values = y.set(da);
  }
};

TEST(Conv2dNan, ShowsInEveryPassOfEveryVariant) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    NanCase c(dtype);
    const RefTensor dx = ref::conv2d_backward_data(c.t, c.da_values, c.w_values);
    const RefTensor dw = ref::conv2d_backward_weight(c.t, c.x_values, c.da_values);
    const RefTensor y =
        ref::conv2d_forward(c.t, c.epilogue, c.x_values, c.w_values, c.b_values, {});
    for (const auto& variant : conv2d_backward_data_variants()) {
      const Conv2dBackwardDataArgs args = {c.t, c.y.view(), c.w.view(), c.dx.grad()};
      if (!variant.accepts(test_stream(), args)) continue;
      variant.run(test_stream(), args);
      EXPECT_TRUE(shows_nan(c.dx, dx)) << variant.name << " backward_data " << dtype;
    }
    for (const auto& variant : conv2d_backward_weight_variants()) {
      const Conv2dBackwardWeightArgs args = {c.t, c.x.view(), c.y.view(), c.dw.grad()};
      if (!variant.accepts(test_stream(), args)) continue;
      variant.run(test_stream(), args);
      EXPECT_TRUE(shows_nan(c.dw, dw)) << variant.name << " backward_weight " << dtype;
    }
    for (const auto& variant : conv2d_forward_variants()) {
      const Conv2dForwardArgs args = {c.t,        c.epilogue, c.x.view(), c.w.view(),
                                      c.b.view(), {},         c.y.mut()};
      if (!variant.accepts(test_stream(), args)) continue;
      variant.run(test_stream(), args);
      EXPECT_TRUE(shows_nan(c.y, y)) << variant.name << " forward " << dtype;
    }
  }
}

// Integers, so every product and sum is exact and the three numbers are equal.
TEST(Conv2dAdjoint, HoldsAmongThePassesOfEachVariant) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    const Conv2dProblem& t = test_case.problem;
    TestBuffer x(t.x_shape(), DType::kF32), w(t.w_shape(), DType::kF32);
    TestBuffer da(t.a_shape(), DType::kF32), y(t.a_shape(), DType::kF32);
    TestBuffer dx(t.x_shape(), DType::kF32), dw(t.w_shape(), DType::kF32);
    x.set(random_integers(t.x_shape().numel(), 3, 1));
    w.set(random_integers(t.w_shape().numel(), 3, 2));
    da.set(random_integers(t.a_shape().numel(), 3, 3));
    for (const char* variant : {"loops", "onednn"}) {
      const auto named = [&](const auto& list, const auto& args) {
        for (const auto& v : list) {
          if (std::string_view(v.name) == variant && v.accepts(test_stream(), args)) {
            v.run(test_stream(), args);
            return true;
          }
        }
        return false;
      };
      const bool ran = named(conv2d_forward_variants(),
                             Conv2dForwardArgs{t, {}, x.view(), w.view(), {}, {}, y.mut()}) &&
                       named(conv2d_backward_data_variants(),
                             Conv2dBackwardDataArgs{t, da.view(), w.view(), dx.grad()}) &&
                       named(conv2d_backward_weight_variants(),
                             Conv2dBackwardWeightArgs{t, x.view(), da.view(), dw.grad()});
      if (!ran) continue;
      EXPECT_EQ(inner(y, da), inner(x, dx)) << variant << " " << t;
      EXPECT_EQ(inner(y, da), inner(w, dw)) << variant << " " << t;
    }
  }
}

TEST(Conv2dLoops, AcceptEveryCase) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    const Conv2dForwardArgs args = {test_case.problem, test_case.epilogue, {}, {}, {}, {}, {}};
    EXPECT_TRUE(conv2d_forward_variants().back().accepts(test_stream(), args));
  }
}

// An accumulating caller hands over its target as the residual.
TEST(Conv2dResidual, MayBeTheOutputItself) {
  const Conv2dProblem t = square_conv(2, 9, 32, 64, 3, 1);
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    TestBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), residual(t.a_shape(), dtype);
    TestBuffer y(t.a_shape(), dtype), apart(t.a_shape(), dtype);
    x.set(random_reals(t.x_shape().numel(), 1));
    w.set(random_reals(t.w_shape().numel(), 2));
    const Values start = residual.set(random_reals(t.a_shape().numel(), 3));
    const Conv2dEpilogue add = {.residual = true};
    for (const auto& variant : conv2d_forward_variants()) {
      const Conv2dForwardArgs args = {t, add, x.view(), w.view(), {}, residual.view(), apart.mut()};
      if (!variant.accepts(test_stream(), args)) continue;
      variant.run(test_stream(), args);
      y.set(start);
      variant.run(test_stream(), {t, add, x.view(), w.view(), {}, y.view(), y.mut()});
      for (size_t i = 0; i < start.size(); ++i) {
        ASSERT_EQ(y.get(i), apart.get(i)) << variant.name << " " << dtype << " at " << i;
      }
    }
  }
}

class Conv2dBits : public ::testing::Test {
 protected:
  const Conv2dProblem t = square_conv(2, 12, 24, 40, 3, 1);
  TestBuffer x{t.x_shape(), DType::kF32}, w{t.w_shape(), DType::kF32}, y{t.a_shape(), DType::kF32};
  TestBuffer again{t.a_shape(), DType::kF32}, dw{t.w_shape(), DType::kF32};
  TestBuffer dw_again{t.w_shape(), DType::kF32};

  void SetUp() override {
    x.set(random_reals(t.x_shape().numel(), 1));
    w.set(random_reals(t.w_shape().numel(), 2));
  }

  static Values values(const TestBuffer& buffer) {
    Values list;
    for (int64_t i = 0; i < buffer.shape().numel(); ++i) {
      list.push_back(buffer.get(static_cast<size_t>(i)));
    }
    return list;
  }
};

TEST_F(Conv2dBits, AreTheSameOnEveryRun) {
  for (const auto& variant : conv2d_forward_variants()) {
    const Conv2dForwardArgs args = {t, {}, x.view(), w.view(), {}, {}, y.mut()};
    if (!variant.accepts(test_stream(), args)) continue;
    variant.run(test_stream(), args);
    variant.run(test_stream(), {t, {}, x.view(), w.view(), {}, {}, again.mut()});
    EXPECT_EQ(values(y), values(again)) << variant.name;
  }
  for (const auto& variant : conv2d_backward_weight_variants()) {
    const Conv2dBackwardWeightArgs args = {t, x.view(), y.view(), dw.grad()};
    if (!variant.accepts(test_stream(), args)) continue;
    variant.run(test_stream(), args);
    variant.run(test_stream(), {t, x.view(), y.view(), dw_again.grad()});
    EXPECT_EQ(values(dw), values(dw_again)) << variant.name;
  }
}

// Inference keeps packed weights; the result is the same, also after the weights changed.
TEST_F(Conv2dBits, AreTheSameWithConstantWeights) {
  for (const auto& variant : conv2d_forward_variants()) {
    Stream constant(Engine::kCpu, 2);
    const Conv2dForwardArgs args = {t, {}, x.view(), w.view(), {}, {}, y.mut()};
    if (!variant.accepts(constant, args)) continue;
    constant.set_weights_constant(true);
    for (const uint64_t seed : {2, 3}) {
      w.set(random_reals(t.w_shape().numel(), seed));
      constant.weights_changed();
      for (int call = 0; call < 2; ++call) variant.run(constant, args);
      variant.run(test_stream(), {t, {}, x.view(), w.view(), {}, {}, again.mut()});
      EXPECT_EQ(values(y), values(again)) << variant.name << " seed " << seed;
    }
  }
}

// Weights joined anew for each call may land in the memory of others (a decoder's four heads).
TEST_F(Conv2dBits, AreRightWhenOtherWeightsTakeTheSamePlace) {
  for (const auto& variant : conv2d_forward_variants()) {
    Stream constant(Engine::kCpu, 2);
    const Conv2dForwardArgs args = {t, {}, x.view(), w.view(), {}, {}, y.mut()};
    if (!variant.accepts(constant, args)) continue;
    constant.set_weights_constant(true);
    for (const uint64_t seed : {2, 3}) {
      w.set(random_reals(t.w_shape().numel(), seed));
      variant.run(constant, args);
      variant.run(test_stream(), {t, {}, x.view(), w.view(), {}, {}, again.mut()});
      EXPECT_EQ(values(y), values(again)) << variant.name << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace diptych
