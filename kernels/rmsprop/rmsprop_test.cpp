// Tests of rmsprop.
// SPDX-License-Identifier: MIT
#include "kernels/rmsprop/rmsprop.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/adabelief/keep_mask.h"
#include "kernels/cast/cast_ref.h"
#include "kernels/rmsprop/rmsprop_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

// Scale, square, constants, products and sum for v (6); half of them through the root, then root,
// sum, product, quotient and the last difference for w.
constexpr double kRoundings = 9;

struct Arena {
  explicit Arena(int64_t count)
      : g({count}, DType::kF32),
        w({count}, DType::kF32),
        v({count}, DType::kF32),
        copy({count}, DType::kBF16) {
    g_values = g.set(random_reals(count, 1));
    w_values = w.set(random_reals(count, 2));
    std::vector<double> spread = random_reals(count, 4);
    for (double& s : spread) s = 1e-4 + s * s;
    v_values = v.set(spread);
  }

  void step(Stream& stream, const RmsPropStep& options, View scale = {}) {
    rmsprop_step(stream, options, g.view(), scale, w.mut(), v.mut(), copy.mut());
  }

  TestBuffer g, w, v, copy;
  std::vector<double> g_values, w_values, v_values;
};

void expect_step(Arena& a, const RmsPropStep& options, double scale) {
  const auto count = static_cast<int64_t>(a.g_values.size());
  std::vector<float> keep(a.g_values.size(), 1.0f);
  if (options.keep_probability < 1)
    draw_keep_mask(
        {options.seed, options.stream, options.step, keep_threshold(options.keep_probability)},
        options.first_element, keep.data(), count);
  RefTensor w, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const RmsPropRef ref =
        rmsprop_ref(options.learning_rate, options.rho, options.epsilon, scale * a.g_values[i],
                    a.w_values[i], a.v_values[i], keep[i] != 0);
    w.value.push_back(ref.w);
    w.magnitude.push_back(ref.w_magnitude);
    v.value.push_back(ref.v);
    v.magnitude.push_back(ref.v);
  }
  EXPECT_TRUE(within(a.w, w, {.c = kRoundings}));
  EXPECT_TRUE(within(a.v, v, {.c = kRoundings}));
}

TEST(RmsProp, StepIsWithinItsBound) {
  Stream stream;
  for (const int64_t count : {1, 15, 1023, 1025, 70001}) {
    Arena a(count);
    const RmsPropStep options{.learning_rate = 0.01f};
    a.step(stream, options);
    SCOPED_TRACE(count);
    expect_step(a, options, 1.0);
  }
}

TEST(RmsProp, GradientScaleMultipliesTheGradient) {
  Stream stream;
  Arena a(1025);
  TestBuffer scale({1}, DType::kF32);
  scale.set({0.25});
  const RmsPropStep options{.learning_rate = 0.01f};
  a.step(stream, options, scale.view());
  expect_step(a, options, 0.25);
}

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

TEST(RmsProp, CopyIsTheNewWeightRounded) {
  Stream stream;
  Arena a(2051);
  a.step(stream, {.learning_rate = 0.01f});
  for (size_t i = 0; i < 2051; ++i) ASSERT_EQ(a.copy.get(i), cast_ref_bf16(a.w.get(i))) << i;
  EXPECT_TRUE(a.copy.guards_intact());
}

TEST(RmsProp, DropoutMasksTheWeightChangeOnly) {
  Stream stream;
  Arena a(3001);
  const RmsPropStep options{.learning_rate = 0.01f,
                            .keep_probability = 0.3f,
                            .seed = 0x123456789abcdef0,
                            .stream = 3,
                            .step = 17,
                            .first_element = 1003};
  a.step(stream, options);
  expect_step(a, options, 1.0);
}

TEST(RmsProp, NanShowsInItsElementOnly) {
  Stream stream;
  Arena a(33);
  a.g_values[7] = std::numeric_limits<double>::quiet_NaN();
  a.g.set(a.g_values);
  a.step(stream, {});
  for (size_t i = 0; i < 33; ++i) EXPECT_EQ(std::isnan(a.w.get(i)), i == 7);
}

TEST(RmsProp, RejectsWhatDoesNotFit) {
  Stream stream;
  Arena a(8), b(9);
  TestBuffer half({8}, DType::kBF16), two({2}, DType::kF32);
  const auto message = [&](const RmsPropStep& options, View g, View scale, MutView copy) {
    try {
      rmsprop_step(stream, options, g, scale, a.w.mut(), a.v.mut(), copy);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(message({}, b.g.view(), {}, {}).find("shapes differ; gradient (9) f32, weight (8) f32"),
            std::string::npos);
  EXPECT_NE(message({}, half.view(), {}, {}).find("expected f32 and a bf16 copy"),
            std::string::npos);
  EXPECT_NE(message({}, a.g.view(), {}, a.w.mut()).find("expected f32 and a bf16 copy"),
            std::string::npos);
  EXPECT_NE(message({}, a.g.view(), two.view(), {}).find("gradient_scale is (2) f32"),
            std::string::npos);
  EXPECT_NE(message({.rho = 1.0}, a.g.view(), {}, {}).find("rho = 1,"), std::string::npos);
  EXPECT_NE(message({.keep_probability = 2}, a.g.view(), {}, {}).find("keep_probability = 2"),
            std::string::npos);
  EXPECT_NE(message({.first_element = -1}, a.g.view(), {}, {}).find("first_element = -1"),
            std::string::npos);
}

}  // namespace
}  // namespace diptych
