// Tests of conv2d's amx variant on shapes that its accepts() leaves to others: tails, strides,
// paddings.
// SPDX-License-Identifier: MIT
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_ref.h"

namespace diptych {
namespace {

using ref::Values;

template <class Variants>
auto find_amx(const Variants& variants) -> decltype(&variants[0]) {
  for (const auto& variant : variants)
    if (std::string_view(variant.name) == "amx") return &variant;
  return nullptr;
}

// The variant runs every shape where the machine has AMX; a plain layer tells whether it has.
bool machine_has_amx(const Stream& stream) {
  const auto* variant = find_amx(conv2d_backward_weight_variants());
  const Conv2dProblem t = {.n = 1, .h = 8, .w = 8, .c = 32, .k = 32, .r = 1, .s = 1};
  return variant && variant->accepts(stream, {t,
                                              {nullptr, t.x_shape(), DType::kBF16},
                                              {nullptr, t.a_shape(), DType::kBF16},
                                              {{nullptr, t.w_shape(), DType::kF32}}});
}

// Integers of which every sum is exact in f32.
Values integers(const Shape& shape, uint64_t seed) {
  return random_integers(shape.numel(), 3, seed);
}

void round_to_bf16(RefTensor& ref) {
  for (double& v : ref.value) {
    v = static_cast<double>(static_cast<float>(bf16(static_cast<float>(v))));
  }
}

void add(RefTensor& ref, const Values& start) {
  for (size_t i = 0; i < start.size(); ++i) ref.value[i] += start[i];
}

const Conv2dProblem kProblems[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .k = 1, .r = 1, .s = 1},
    {.n = 3, .h = 5, .w = 7, .c = 17, .k = 33, .r = 1, .s = 1},
    {.n = 2,
     .h = 6,
     .w = 5,
     .c = 33,
     .k = 20,
     .r = 3,
     .s = 3,
     .pad_top = 1,
     .pad_left = 1,
     .pad_bottom = 1,
     .pad_right = 1},
    {.n = 2, .h = 7, .w = 9, .c = 40, .k = 44, .r = 3, .s = 3},
    {.n = 3,
     .h = 16,
     .w = 16,
     .c = 32,
     .k = 64,
     .r = 5,
     .s = 5,
     .stride = 2,
     .pad_top = 2,
     .pad_left = 2,
     .pad_bottom = 2,
     .pad_right = 2},
    {.n = 2,
     .h = 9,
     .w = 11,
     .c = 3,
     .k = 18,
     .r = 5,
     .s = 5,
     .stride = 2,
     .pad_top = 1,
     .pad_left = 2,
     .pad_bottom = 3,
     .pad_right = 0},
    {.n = 2,
     .h = 8,
     .w = 10,
     .c = 16,
     .k = 12,
     .r = 4,
     .s = 4,
     .stride = 2,
     .pad_top = 1,
     .pad_left = 1,
     .pad_bottom = 1,
     .pad_right = 1},
    {.n = 1, .h = 10, .w = 8, .c = 5, .k = 36, .r = 2, .s = 3, .stride = 3, .pad_left = 4},
    // A filter taller than a stride, wider than the image.
    {.n = 2, .h = 3, .w = 2, .c = 20, .k = 16, .r = 3, .s = 5, .pad_left = 3, .pad_right = 2},
    // More positions than one pass over the line takes.
    {.n = 3,
     .h = 41,
     .w = 40,
     .c = 16,
     .k = 8,
     .r = 3,
     .s = 3,
     .pad_top = 1,
     .pad_left = 1,
     .pad_bottom = 1,
     .pad_right = 1},
};

class Conv2dAmx : public ::testing::TestWithParam<Conv2dProblem> {
 protected:
  void SetUp() override {
    if (!machine_has_amx(stream_)) GTEST_SKIP() << "this machine has no AMX";
  }

  // x, w, da, residual and b hold integers; y, dx, dw are filled by the variant.
  void forward(const Conv2dEpilogue& epilogue, DType y_dtype) {
    const Conv2dProblem& t = GetParam();
    TestBuffer x(t.x_shape(), DType::kBF16), w(t.w_shape(), DType::kBF16), b({t.k}, DType::kF32);
    TestBuffer residual(t.a_shape(), DType::kBF16), y(epilogue.y_shape(t), y_dtype);
    const Values x_values = x.set(integers(t.x_shape(), 1));
    const Values w_values = w.set(integers(t.w_shape(), 2));
    const Values b_values = b.set(integers({t.k}, 3));
    const Values residual_values = residual.set(integers(t.a_shape(), 4));
    find_amx(conv2d_forward_variants())
        ->run(stream_, {t, epilogue, x.view(), w.view(), b.view(), residual.view(), y.mut()});
    RefTensor expected =
        ref::conv2d_forward(t, epilogue, x_values, w_values, b_values, residual_values);
    if (y_dtype == DType::kBF16) round_to_bf16(expected);
    EXPECT_TRUE(within(y, expected, {.exact = true}));
  }

  void backward_data(GradMode mode) {
    const Conv2dProblem& t = GetParam();
    TestBuffer da(t.a_shape(), DType::kBF16), w(t.w_shape(), DType::kBF16);
    TestBuffer dx(t.x_shape(), DType::kBF16);
    const Values da_values = da.set(integers(t.a_shape(), 1));
    const Values w_values = w.set(integers(t.w_shape(), 2));
    RefTensor expected = ref::conv2d_backward_data(t, da_values, w_values);
    if (mode == GradMode::kAccumulate) add(expected, dx.set(integers(t.x_shape(), 3)));
    round_to_bf16(expected);
    find_amx(conv2d_backward_data_variants())
        ->run(stream_, {t, da.view(), w.view(), dx.grad(mode)});
    EXPECT_TRUE(within(dx, expected, {.exact = true}));
  }

  void backward_weight(GradMode mode) {
    const Conv2dProblem& t = GetParam();
    TestBuffer x(t.x_shape(), DType::kBF16), da(t.a_shape(), DType::kBF16);
    TestBuffer dw(t.w_shape(), DType::kF32);
    const Values x_values = x.set(integers(t.x_shape(), 1));
    const Values da_values = da.set(integers(t.a_shape(), 2));
    RefTensor expected = ref::conv2d_backward_weight(t, x_values, da_values);
    if (mode == GradMode::kAccumulate) add(expected, dw.set(integers(t.w_shape(), 3)));
    find_amx(conv2d_backward_weight_variants())
        ->run(stream_, {t, x.view(), da.view(), dw.grad(mode)});
    EXPECT_TRUE(within(dw, expected, {.exact = true}));
  }

  Stream stream_{Engine::kCpu, 2};
};

TEST_P(Conv2dAmx, ForwardEqualsReference) {
  forward({}, DType::kBF16);
}

TEST_P(Conv2dAmx, ForwardWithBiasResidualAndLeakyEqualsReference) {
  forward({.bias = true, .residual = true, .leaky_slope = 0.25f}, DType::kBF16);
}

TEST_P(Conv2dAmx, ForwardStoresF32) {
  forward({.bias = true}, DType::kF32);
}

TEST_P(Conv2dAmx, ForwardMovesDepthToSpace) {
  if (GetParam().k % 4 != 0) GTEST_SKIP() << "K is not divisible by 4";
  forward({.bias = true, .leaky_slope = 0.5f, .depth_to_space = true}, DType::kBF16);
}

TEST_P(Conv2dAmx, BackwardDataEqualsReference) {
  backward_data(GradMode::kOverwrite);
}

TEST_P(Conv2dAmx, BackwardDataAccumulates) {
  backward_data(GradMode::kAccumulate);
}

TEST_P(Conv2dAmx, BackwardWeightEqualsReference) {
  backward_weight(GradMode::kOverwrite);
}

TEST_P(Conv2dAmx, BackwardWeightAccumulates) {
  backward_weight(GradMode::kAccumulate);
}

std::string name_of_problem(const ::testing::TestParamInfo<Conv2dProblem>& test) {
  return str(test.param);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2dAmx, ::testing::ValuesIn(kProblems), name_of_problem);

}  // namespace
}  // namespace diptych
