// Tests of conv2d: every variant x every small case x every pass, in three rounds (style.md 9).
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/conv2d/conv2d_ref.h"
#include "tests/support/cases.h"
#include "tests/support/rounds.h"
#include "tests/support/variant_params.h"

namespace diptych {
namespace {

using ref::Values;

bool transforms(const VariantParam& param) {
  return std::string_view(param.variant) == "winograd";
}

// Winograd's F(4x4,3x3) sums products of transformed tiles, so an element's error depends on its
// whole tile, not on its own terms. For inputs of at most `limit` the absolute values on the way,
// |A^T| (|G||g||G^T| * |B^T||d||B|) |A|, reach 48^2 per channel, and 53.4^2 per tile in
// backward_weight; 40 more roundings come from the transforms. Worst case, so a weak bound: the
// errors it must catch are those of indexing.
Tolerance transformed(RefTensor& ref, int64_t products, double growth, double limit) {
  const double sum = growth * growth * static_cast<double>(products) * limit * limit;
  for (double& magnitude : ref.magnitude) magnitude += sum;
  return {.c = 1.01 * static_cast<double>(products + 40)};
}

// Forward.

class Conv2dForward : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact, const Conv2dCase& test_case) {
    const Conv2dProblem& t = test_case.problem;
    const Conv2dEpilogue& epilogue = test_case.epilogue;
    const DType dtype = GetParam().dtype;
    TestBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
    TestBuffer residual(t.a_shape(), dtype), y(epilogue.y_shape(t), dtype);
    const Values x_values = x.set(inputs(exact, x.shape().numel(), 1));
    const Values w_values = w.set(inputs(exact, w.shape().numel(), 2));
    const Values b_values = b.set(inputs(exact, t.k, 3));
    const Values residual_values = residual.set(inputs(exact, t.a_shape().numel(), 4));
    const Conv2dForwardArgs args = {t,
                                    epilogue,
                                    x.view(),
                                    w.view(),
                                    epilogue.bias ? b.view() : View{},
                                    epilogue.residual ? residual.view() : View{},
                                    y.mut()};
    if (!run_variant(conv2d_forward_variants(), GetParam().variant, args)) return;
    RefTensor expected =
        ref::conv2d_forward(t, epilogue, x_values, w_values, b_values, residual_values);
    Tolerance tolerance = any_order(false, int64_t{t.r} * t.s * t.c);
    if (transforms(GetParam())) {
      tolerance = transformed(expected, t.c, 48.0, exact ? 3.0 : 1.0);
    } else if (exact) {
      round_to(dtype, expected);
      tolerance = {.exact = true};
    }
    EXPECT_TRUE(within(y, expected, tolerance)) << test_case.problem;
  }
};

TEST_P(Conv2dForward, EqualsReferenceOnIntegers) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) check(true, test_case);
}

TEST_P(Conv2dForward, StaysWithinBoundOnReals) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) check(false, test_case);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dForward,
                         ::testing::ValuesIn(variant_params(conv2d_forward_variants(), false)),
                         name_of_param);

// Heads: bf16 in, f32 out. Whichever variant takes it.
TEST(Conv2dForwardHead, StoresF32FromBf16) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    SCOPED_TRACE(str(test_case.problem));
    const Conv2dProblem& t = test_case.problem;
    const Conv2dEpilogue& epilogue = test_case.epilogue;
    TestBuffer x(t.x_shape(), DType::kBF16), w(t.w_shape(), DType::kBF16), b({t.k}, DType::kF32);
    TestBuffer residual(t.a_shape(), DType::kBF16), y(epilogue.y_shape(t), DType::kF32);
    const Values x_values = x.set(inputs(false, x.shape().numel(), 1));
    const Values w_values = w.set(inputs(false, w.shape().numel(), 2));
    const Values b_values = b.set(inputs(false, t.k, 3));
    const Values residual_values = residual.set(inputs(false, t.a_shape().numel(), 4));
    const RefTensor expected =
        ref::conv2d_forward(t, epilogue, x_values, w_values, b_values, residual_values);
    for (const auto& variant : conv2d_forward_variants()) {
      const Conv2dForwardArgs args = {t,        epilogue,        x.view(), w.view(),
                                      b.view(), residual.view(), y.mut()};
      if (!variant.accepts(test_stream(), args)) continue;
      variant.run(test_stream(), args);
      EXPECT_TRUE(within(y, expected, any_order(false, int64_t{t.r} * t.s * t.c))) << variant.name;
    }
  }
}

// Backward to the data.

class Conv2dBackwardData : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact, const Conv2dCase& test_case) {
    const Conv2dProblem& t = test_case.problem;
    const auto& [variant, dtype, mode] = GetParam();
    TestBuffer da(t.a_shape(), dtype), w(t.w_shape(), dtype), dx(t.x_shape(), dtype);
    const Values da_values = da.set(inputs(exact, t.a_shape().numel(), 1));
    const Values w_values = w.set(inputs(exact, t.w_shape().numel(), 2));
    const Values start =
        mode == GradMode::kAccumulate ? dx.set(inputs(exact, t.x_shape().numel(), 3)) : Values();
    const Conv2dBackwardDataArgs args = {t, da.view(), w.view(), dx.grad(mode)};
    if (!run_variant(conv2d_backward_data_variants(), variant, args)) return;
    RefTensor expected = ref::conv2d_backward_data(t, da_values, w_values);
    add_to(expected, start);
    Tolerance tolerance = any_order(false, int64_t{t.r} * t.s * t.k);
    if (transforms(GetParam())) {
      tolerance = transformed(expected, t.k, 48.0, exact ? 3.0 : 1.0);
    } else if (exact) {
      round_to(dtype, expected);
      tolerance = {.exact = true};
    }
    EXPECT_TRUE(within(dx, expected, tolerance)) << t;
  }
};

TEST_P(Conv2dBackwardData, EqualsReferenceOnIntegers) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) check(true, test_case);
}

TEST_P(Conv2dBackwardData, StaysWithinBoundOnReals) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) check(false, test_case);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dBackwardData,
                         ::testing::ValuesIn(variant_params(conv2d_backward_data_variants(), true)),
                         name_of_param);

// Backward to the weights.

class Conv2dBackwardWeight : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact, const Conv2dCase& test_case) {
    const Conv2dProblem& t = test_case.problem;
    const auto& [variant, dtype, mode] = GetParam();
    TestBuffer x(t.x_shape(), dtype), da(t.a_shape(), dtype), dw(t.w_shape(), DType::kF32);
    const Values x_values = x.set(inputs(exact, t.x_shape().numel(), 1));
    const Values da_values = da.set(inputs(exact, t.a_shape().numel(), 2));
    const Values start =
        mode == GradMode::kAccumulate ? dw.set(inputs(exact, t.w_shape().numel(), 3)) : Values();
    const Conv2dBackwardWeightArgs args = {t, x.view(), da.view(), dw.grad(mode)};
    if (!run_variant(conv2d_backward_weight_variants(), variant, args)) return;
    RefTensor expected = ref::conv2d_backward_weight(t, x_values, da_values);
    add_to(expected, start);
    Tolerance tolerance = any_order(false, int64_t{t.n} * t.p() * t.q());
    if (transforms(GetParam())) {
      const int64_t tiles = int64_t{t.n} * ((t.p() + 3) / 4) * ((t.q() + 3) / 4);
      tolerance = transformed(expected, tiles, 53.4, exact ? 3.0 : 1.0);
    } else if (exact) {
      tolerance = {.exact = true};
    }
    EXPECT_TRUE(within(dw, expected, tolerance)) << t;
  }
};

TEST_P(Conv2dBackwardWeight, EqualsReferenceOnIntegers) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) check(true, test_case);
}

TEST_P(Conv2dBackwardWeight, StaysWithinBoundOnReals) {
  for (const Conv2dCase& test_case : conv2d_small_cases()) check(false, test_case);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dBackwardWeight,
                         ::testing::ValuesIn(variant_params(conv2d_backward_weight_variants(),
                                                            true)),
                         name_of_param);

}  // namespace
}  // namespace diptych
