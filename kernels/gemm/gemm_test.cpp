// Tests of the dense layer: every variant x every case x every pass, messages, NaN, adjoint.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm.h"

#include <cmath>
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/gemm/gemm_ref.h"
#include "tests/support/dense_cases.h"
#include "tests/support/rounds.h"
#include "tests/support/throws.h"
#include "tests/support/variant_params.h"

namespace diptych {
namespace {

using ref::Values;

class DenseForward : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact, const DenseProblem& t, bool bias, DType y_dtype) {
    const DType dtype = GetParam().dtype;
    TestBuffer x({t.m, t.in}, dtype), w({t.out, t.in}, dtype), b({t.out}, DType::kF32);
    TestBuffer y({t.m, t.out}, y_dtype);
    const Values x_values = x.set(inputs(exact, x.shape().numel(), 1));
    const Values w_values = w.set(inputs(exact, w.shape().numel(), 2));
    const Values b_values = b.set(inputs(exact, t.out, 3));
    const DenseForwardArgs args = {t, x.view(), w.view(), bias ? b.view() : View{}, y.mut()};
    if (!run_variant(dense_forward_variants(), GetParam().variant, args)) return;
    RefTensor expected = ref::dense_forward(t, x_values, w_values, bias ? b_values : Values());
    if (exact) round_to(y_dtype, expected);
    EXPECT_TRUE(within(y, expected, any_order(exact, t.in))) << t;
  }
};

TEST_P(DenseForward, EqualsReferenceOnIntegers) {
  for (const DenseProblem& t : dense_small_cases()) check(true, t, true, GetParam().dtype);
}

TEST_P(DenseForward, StaysWithinBoundOnReals) {
  for (const DenseProblem& t : dense_small_cases()) check(false, t, true, GetParam().dtype);
}

TEST_P(DenseForward, WorksWithoutBias) {
  for (const DenseProblem& t : dense_small_cases()) check(true, t, false, GetParam().dtype);
}

TEST_P(DenseForward, StoresF32) {
  for (const DenseProblem& t : dense_small_cases()) check(false, t, true, DType::kF32);
}

INSTANTIATE_TEST_SUITE_P(Dense,
                         DenseForward,
                         ::testing::ValuesIn(variant_params(dense_forward_variants(), false)),
                         name_of_param);

class DenseBackwardData : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact, const DenseProblem& t) {
    const auto& [variant, dtype, mode] = GetParam();
    TestBuffer dy({t.m, t.out}, dtype), w({t.out, t.in}, dtype), dx({t.m, t.in}, dtype);
    const Values dy_values = dy.set(inputs(exact, dy.shape().numel(), 1));
    const Values w_values = w.set(inputs(exact, w.shape().numel(), 2));
    const Values start =
        mode == GradMode::kAccumulate ? dx.set(inputs(exact, dx.shape().numel(), 3)) : Values();
    const DenseBackwardDataArgs args = {t, dy.view(), w.view(), dx.grad(mode)};
    if (!run_variant(dense_backward_data_variants(), variant, args)) return;
    RefTensor expected = ref::dense_backward_data(t, dy_values, w_values);
    add_to(expected, start);
    if (exact) round_to(dtype, expected);
    EXPECT_TRUE(within(dx, expected, any_order(exact, t.out))) << t;
  }
};

TEST_P(DenseBackwardData, EqualsReferenceOnIntegers) {
  for (const DenseProblem& t : dense_small_cases()) check(true, t);
}

TEST_P(DenseBackwardData, StaysWithinBoundOnReals) {
  for (const DenseProblem& t : dense_small_cases()) check(false, t);
}

INSTANTIATE_TEST_SUITE_P(Dense,
                         DenseBackwardData,
                         ::testing::ValuesIn(variant_params(dense_backward_data_variants(), true)),
                         name_of_param);

class DenseBackwardWeight : public ::testing::TestWithParam<VariantParam> {
 protected:
  void check(bool exact, const DenseProblem& t) {
    const auto& [variant, dtype, mode] = GetParam();
    TestBuffer x({t.m, t.in}, dtype), dy({t.m, t.out}, dtype), dw({t.out, t.in}, DType::kF32);
    const Values x_values = x.set(inputs(exact, x.shape().numel(), 1));
    const Values dy_values = dy.set(inputs(exact, dy.shape().numel(), 2));
    const Values start =
        mode == GradMode::kAccumulate ? dw.set(inputs(exact, dw.shape().numel(), 3)) : Values();
    const DenseBackwardWeightArgs args = {t, x.view(), dy.view(), dw.grad(mode)};
    if (!run_variant(dense_backward_weight_variants(), variant, args)) return;
    RefTensor expected = ref::dense_backward_weight(t, x_values, dy_values);
    add_to(expected, start);
    EXPECT_TRUE(within(dw, expected, any_order(exact, t.m))) << t;
  }
};

TEST_P(DenseBackwardWeight, EqualsReferenceOnIntegers) {
  for (const DenseProblem& t : dense_small_cases()) check(true, t);
}

TEST_P(DenseBackwardWeight, StaysWithinBoundOnReals) {
  for (const DenseProblem& t : dense_small_cases()) check(false, t);
}

INSTANTIATE_TEST_SUITE_P(Dense,
                         DenseBackwardWeight,
                         ::testing::ValuesIn(variant_params(dense_backward_weight_variants(),
                                                            true)),
                         name_of_param);

TEST(DenseBackwardBias, EqualsReferenceInBothModes) {
  const DenseProblem t = {7, 1, 13};
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    TestBuffer dy({t.m, t.out}, DType::kBF16), db({t.out}, DType::kF32);
    const Values dy_values = dy.set(random_integers(dy.shape().numel(), 3, 1));
    const Values start = db.set(random_integers(t.out, 3, 2));
    RefTensor expected = ref::dense_backward_bias(t, dy_values);
    if (mode == GradMode::kAccumulate) add_to(expected, start);
    dense_backward_bias(test_stream(), dy.view(), db.grad(mode));
    EXPECT_TRUE(within(db, expected, {.exact = true}));
  }
}

TEST(DenseAdjoint, HoldsAmongThePasses) {
  for (const DenseProblem& t : dense_small_cases()) {
    TestBuffer x({t.m, t.in}, DType::kF32), dx({t.m, t.in}, DType::kF32);
    TestBuffer w({t.out, t.in}, DType::kF32), dw({t.out, t.in}, DType::kF32);
    TestBuffer y({t.m, t.out}, DType::kF32), dy({t.m, t.out}, DType::kF32);
    x.set(random_integers(x.shape().numel(), 3, 1));
    w.set(random_integers(w.shape().numel(), 3, 2));
    dy.set(random_integers(dy.shape().numel(), 3, 3));
    dense_forward(test_stream(), x.view(), w.view(), {}, y.mut());
    dense_backward_data(test_stream(), dy.view(), w.view(), dx.grad());
    dense_backward_weight(test_stream(), x.view(), dy.view(), dw.grad());
    EXPECT_EQ(inner(y, dy), inner(x, dx)) << t;
    EXPECT_EQ(inner(y, dy), inner(w, dw)) << t;
  }
}

// One NaN in x, in row 1: it reaches every output of that row and every dw of its column.
TEST(DenseNan, ShowsInEveryVariant) {
  const DenseProblem t = {5, 37, 9};
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    TestBuffer x({t.m, t.in}, dtype), w({t.out, t.in}, dtype), y({t.m, t.out}, dtype);
    TestBuffer dw({t.out, t.in}, DType::kF32), dx({t.m, t.in}, dtype);
    Values values = random_reals(x.shape().numel(), 1);
    values[static_cast<size_t>(t.in + 36)] = std::nan("");
    x.set(values);
    w.set(Values(static_cast<size_t>(t.out * t.in), 0.0));  // 0 * NaN is NaN
    for (const auto& variant : dense_forward_variants()) {
      if (!run_variant(dense_forward_variants(), variant.name,
                       DenseForwardArgs{t, x.view(), w.view(), {}, y.mut()})) {
        continue;
      }
      for (int o = 0; o < t.out; ++o) {
        EXPECT_TRUE(std::isnan(y.get(static_cast<size_t>(t.out + o)))) << variant.name;
        EXPECT_FALSE(std::isnan(y.get(static_cast<size_t>(o)))) << variant.name;
      }
    }
    y.set(Values(static_cast<size_t>(t.m * t.out), 0.0));
    for (const auto& variant : dense_backward_weight_variants()) {
      if (!run_variant(dense_backward_weight_variants(), variant.name,
                       DenseBackwardWeightArgs{t, x.view(), y.view(), dw.grad()})) {
        continue;
      }
      EXPECT_TRUE(std::isnan(dw.get(36))) << variant.name;
      EXPECT_FALSE(std::isnan(dw.get(35))) << variant.name;
    }
    Values weights(static_cast<size_t>(t.out * t.in), 0.0);
    weights[static_cast<size_t>(4 * t.in + 2)] = std::nan("");
    w.set(weights);
    for (const auto& variant : dense_backward_data_variants()) {
      if (!run_variant(dense_backward_data_variants(), variant.name,
                       DenseBackwardDataArgs{t, y.view(), w.view(), dx.grad()})) {
        continue;
      }
      EXPECT_TRUE(std::isnan(dx.get(2))) << variant.name;
      EXPECT_FALSE(std::isnan(dx.get(3))) << variant.name;
    }
  }
}

TEST(DenseMessages, NameTheOpAndAllShapes) {
  TestBuffer x({2, 3}, DType::kF32), w({4, 5}, DType::kF32), y({2, 4}, DType::kF32);
  EXPECT_TRUE(throws([&] { dense_forward(test_stream(), x.view(), w.view(), {}, y.mut()); },
                     "dense_forward: shapes disagree, expected x (M,in), y (M,out), w (out,in); "
                     "x (2,3) f32, y (2,4) f32, w (4,5) f32"));
  EXPECT_TRUE(throws([&] { dense_backward_data(test_stream(), y.view(), w.view(), x.grad()); },
                     "dense_backward_data: shapes disagree"));
  EXPECT_TRUE(throws([&] { dense_backward_weight(test_stream(), x.view(), y.view(), w.grad()); },
                     "dense_backward_weight: shapes disagree"));
  EXPECT_TRUE(throws([&] { dense_backward_bias(test_stream(), y.view(), x.grad()); },
                     "dense_backward_bias: db is (2,3) f32, expected (4) f32"));
}

TEST(DenseMessages, NameTheDtypeThatIsWrong) {
  TestBuffer x({2, 3}, DType::kF32), w({4, 3}, DType::kBF16), y({2, 4}, DType::kF32);
  EXPECT_TRUE(throws([&] { dense_forward(test_stream(), x.view(), w.view(), {}, y.mut()); },
                     "w is (4,3) bf16, expected f32"));
  EXPECT_TRUE(throws([&] { dense_backward_weight(test_stream(), x.view(), y.view(), w.grad()); },
                     "dw is (4,3) bf16, expected f32"));
}

TEST(DenseMessages, NameTheTensorThatIsNoMatrix) {
  TestBuffer x({2, 3, 1}, DType::kF32), w({4, 3}, DType::kF32), y({2, 4}, DType::kF32);
  EXPECT_TRUE(throws([&] { dense_forward(test_stream(), x.view(), w.view(), {}, y.mut()); },
                     "x is (2,3,1) f32, expected a matrix"));
}

}  // namespace
}  // namespace diptych
