// Tests of adam. The update mask is tested with adabelief.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/adabelief/keep_mask.h"
#include "kernels/adam/adam_ref.h"
#include "kernels/cast/cast_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

// Scale, constant, product, sum for m (4), twice that for v under the root; the two corrections,
// root, sum, quotient, product and the last difference for w.
constexpr double kRoundings = 16;

struct Arena {
  explicit Arena(int64_t count)
      : g({count}, DType::kF32),
        w({count}, DType::kF32),
        m({count}, DType::kF32),
        v({count}, DType::kF32),
        copy({count}, DType::kBF16) {
    g_values = g.set(random_reals(count, 1));
    w_values = w.set(random_reals(count, 2));
    m_values = m.set(random_reals(count, 3));
    std::vector<double> spread = random_reals(count, 4);
    for (double& s : spread) s = 1e-4 + s * s;
    v_values = v.set(spread);
  }

  void step(Stream& stream, const AdamStep& options, View scale = {}) {
    adam_step(stream, options, g.view(), scale, w.mut(), m.mut(), v.mut(), copy.mut());
  }

  TestBuffer g, w, m, v, copy;
  std::vector<double> g_values, w_values, m_values, v_values;
};

void expect_step(Arena& a, const AdamStep& options, double scale) {
  std::vector<float> keep(a.g_values.size(), 1.0f);
  if (options.keep_probability < 1)
    draw_keep_mask(
        {options.seed, options.stream, options.step, keep_threshold(options.keep_probability)},
        options.first_element, keep.data(), static_cast<int64_t>(keep.size()));
  RefTensor w, m, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const AdamRef ref =
        adam_ref({.learning_rate = static_cast<double>(options.learning_rate),
                  .beta1 = options.beta1,
                  .beta2 = options.beta2,
                  .epsilon = static_cast<double>(options.epsilon),
                  .t = static_cast<int>(options.step) + 1},
                 scale * a.g_values[i], a.w_values[i], a.m_values[i], a.v_values[i], keep[i] != 0);
    w.value.push_back(ref.w);
    w.magnitude.push_back(ref.w_magnitude);
    m.value.push_back(ref.m);
    m.magnitude.push_back(ref.m_magnitude);
    v.value.push_back(ref.v);
    v.magnitude.push_back(ref.v);
  }
  EXPECT_TRUE(within(a.w, w, {.c = kRoundings}));
  EXPECT_TRUE(within(a.m, m, {.c = kRoundings}));
  EXPECT_TRUE(within(a.v, v, {.c = kRoundings}));
}

TEST(Adam, StepIsWithinItsBound) {
  Stream stream;
  for (const uint32_t step : {0u, 1u, 9u, 5000u}) {
    for (const int64_t count : {1, 15, 1023, 1025, 30001}) {
      Arena a(count);
      const AdamStep options{.learning_rate = 0.01f, .step = step};
      a.step(stream, options);
      SCOPED_TRACE(str(count, " elements, step ", step));
      expect_step(a, options, 1.0);
    }
  }
}

TEST(Adam, GradientScaleMultipliesTheGradient) {
  Stream stream;
  Arena a(1025);
  TestBuffer scale({1}, DType::kF32);
  scale.set({0.25});
  const AdamStep options{.learning_rate = 0.01f};
  a.step(stream, options, scale.view());
  expect_step(a, options, 0.25);
}

// With powers of two every intermediate of the moments is exact.
TEST(Adam, MomentsOfIntegersAreExact) {
  Stream stream;
  Arena a(1029);
  const auto g = a.g.set(random_integers(1029, 16, 5)), m = a.m.set(random_integers(1029, 16, 6));
  std::vector<double> v = random_integers(1029, 16, 7);
  for (double& x : v) x = std::abs(x) + 1;
  a.v.set(v);
  a.step(stream, {.beta1 = 0.5, .beta2 = 0.5});
  RefTensor new_m, new_v;
  for (size_t i = 0; i < g.size(); ++i) {
    new_m.value.push_back(0.5 * m[i] + 0.5 * g[i]);
    new_v.value.push_back(0.5 * v[i] + 0.5 * g[i] * g[i]);
  }
  new_m.magnitude = new_m.value;
  new_v.magnitude = new_v.value;
  EXPECT_TRUE(within(a.m, new_m, {.exact = true}));
  EXPECT_TRUE(within(a.v, new_v, {.exact = true}));
}

// Gradients 0.5, -0.25, 0.125, 1.0, rate 5e-5; worked out by hand from the formulas of the paper.
TEST(Adam, FourStepsWorkedOut) {
  Stream stream;
  TestBuffer g({1}, DType::kF32), w({1}, DType::kF32), m({1}, DType::kF32), v({1}, DType::kF32);
  w.set({0});
  m.set({0});
  v.set({0});
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  double mean = 0, square = 0, weight = 0, power1 = 1, power2 = 1;
  for (uint32_t i = 0; i < 4; ++i) {
    g.set({gradients[i]});
    adam_step(stream, {.step = i}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
    mean = 0.9 * mean + 0.1 * gradients[i];
    square = 0.999 * square + 0.001 * gradients[i] * gradients[i];
    power1 *= 0.9;
    power2 *= 0.999;
    weight -= 5e-5 * mean / (1 - power1) / (std::sqrt(square / (1 - power2)) + 1e-8);
    EXPECT_NEAR(w.get(0), weight, 1e-10) << "step " << i;  // a few 2^-24 of 1e-4
  }
}

TEST(Adam, FirstStepIsOneRateWhateverTheGradient) {
  Stream stream;
  TestBuffer g({2}, DType::kF32), w({2}, DType::kF32), m({2}, DType::kF32), v({2}, DType::kF32);
  g.set({3.0, -7e-4});
  w.set({0, 0});
  m.set({0, 0});
  v.set({0, 0});
  adam_step(stream, {.learning_rate = 1.0f}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
  EXPECT_NEAR(w.get(0), -1, 1e-5);
  EXPECT_NEAR(w.get(1), 1, 2e-5);  // epsilon is 1.4e-5 of this gradient
}

TEST(Adam, CopyIsTheNewWeightRounded) {
  Stream stream;
  Arena a(2051);
  a.step(stream, {.learning_rate = 0.01f});
  for (size_t i = 0; i < 2051; ++i) ASSERT_EQ(a.copy.get(i), cast_ref_bf16(a.w.get(i))) << i;
  EXPECT_TRUE(a.copy.guards_intact());
}

TEST(Adam, DropoutMasksTheWeightChangeOnly) {
  Stream stream;
  for (const int64_t first : {int64_t{0}, int64_t{5}, int64_t{1} << 36}) {
    Arena a(3001);
    const AdamStep options{.learning_rate = 0.01f,
                           .keep_probability = 0.3f,
                           .seed = 0x123456789abcdef0,
                           .stream = 3,
                           .step = 17,
                           .first_element = first};
    a.step(stream, options);
    SCOPED_TRACE(first);
    expect_step(a, options, 1.0);
  }
}

TEST(Adam, SameBitsWhateverTheThreadCount) {
  const AdamStep options{.keep_probability = 0.3f, .seed = 5};
  Arena a(200001), b(200001);
  Stream one(Engine::kCpu, 1);
  a.step(one, options);
  Stream three(Engine::kCpu, 3);
  b.step(three, options);
  for (size_t i = 0; i < 200001; ++i) ASSERT_EQ(a.w.get(i), b.w.get(i)) << i;
}

TEST(Adam, NanShowsInItsElementOnly) {
  Stream stream;
  Arena a(33);
  a.g_values[7] = std::numeric_limits<double>::quiet_NaN();
  a.g.set(a.g_values);
  a.step(stream, {});
  for (size_t i = 0; i < 33; ++i) {
    EXPECT_EQ(std::isnan(a.w.get(i)), i == 7);
    EXPECT_EQ(std::isnan(a.copy.get(i)), i == 7);
  }
}

TEST(Adam, RejectsWhatDoesNotFit) {
  Stream stream;
  Arena a(8), b(9);
  TestBuffer half({8}, DType::kBF16), two({2}, DType::kF32);
  const auto message = [&](const AdamStep& options, View g, View scale, MutView copy) {
    try {
      adam_step(stream, options, g, scale, a.w.mut(), a.m.mut(), a.v.mut(), copy);
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
  EXPECT_NE(message({.beta1 = 1.0}, a.g.view(), {}, {}).find("beta1 = 1,"), std::string::npos);
  EXPECT_NE(message({.keep_probability = 0}, a.g.view(), {}, {}).find("keep_probability = 0"),
            std::string::npos);
  EXPECT_NE(message({.first_element = -1}, a.g.view(), {}, {}).find("first_element = -1"),
            std::string::npos);
}

}  // namespace
}  // namespace diptych
