// Tests of adabelief and of the update mask.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/adabelief/adabelief_ref.h"
#include "kernels/adabelief/keep_mask.h"
#include "kernels/cast/cast_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

// Scale, constant, product, sum for m (4); twice that through the square, its products and the sum
// for v; root, sum, quotient, products and the last difference for w.
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

  void step(Stream& stream, const AdaBeliefStep& options, View scale = {}) {
    adabelief_step(stream, options, g.view(), scale, w.mut(), m.mut(), v.mut(), copy.mut());
  }

  TestBuffer g, w, m, v, copy;
  std::vector<double> g_values, w_values, m_values, v_values;
};

// Independent of keep_mask.cpp: one block at a time, by the generator of kernels/common/rng.h.
bool keeps(uint64_t seed, uint32_t stream, uint32_t step, int64_t element, double probability) {
  const auto block = static_cast<uint64_t>(element / 8);
  const auto words =
      philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), stream, step},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint32_t word = words[static_cast<size_t>(element % 8 / 2)];
  const uint32_t bits = element % 2 == 0 ? word & 0xffffu : word >> 16;
  return bits < std::lround(probability * 65536);
}

void expect_step(Arena& a, const AdaBeliefStep& options, double scale) {
  RefTensor w, m, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const bool keep =
        options.keep_probability == 1.0f ||
        keeps(options.seed, options.stream, options.step,
              options.first_element + static_cast<int64_t>(i), options.keep_probability);
    const AdaBeliefRef ref =
        adabelief_ref({.learning_rate = static_cast<double>(options.learning_rate),
                       .beta1 = options.beta1,
                       .beta2 = options.beta2,
                       .epsilon = static_cast<double>(options.epsilon)},
                      scale * a.g_values[i], a.w_values[i], a.m_values[i], a.v_values[i], keep);
    w.value.push_back(ref.w);
    w.magnitude.push_back(ref.w_magnitude);
    m.value.push_back(ref.m);
    m.magnitude.push_back(ref.m_magnitude);
    v.value.push_back(ref.v);
    v.magnitude.push_back(ref.v_magnitude);
  }
  EXPECT_TRUE(within(a.w, w, {.c = kRoundings}));
  EXPECT_TRUE(within(a.m, m, {.c = kRoundings}));
  EXPECT_TRUE(within(a.v, v, {.c = kRoundings}));
}

TEST(AdaBelief, StepIsWithinItsBound) {
  Stream stream;
  for (const int64_t count : {1, 15, 1023, 1025, 70001}) {
    Arena a(count);
    const AdaBeliefStep options{.learning_rate = 0.01f};
    a.step(stream, options);
    SCOPED_TRACE(count);
    expect_step(a, options, 1.0);
  }
}

TEST(AdaBelief, GradientScaleMultipliesTheGradient) {
  Stream stream;
  Arena a(1025);
  TestBuffer scale({1}, DType::kF32);
  scale.set({0.25});
  const AdaBeliefStep options{.learning_rate = 0.01f};
  a.step(stream, options, scale.view());
  expect_step(a, options, 0.25);
}

// With powers of two every intermediate of the moments is exact.
TEST(AdaBelief, MomentsOfIntegersAreExact) {
  Stream stream;
  Arena a(1029);
  const auto g = a.g.set(random_integers(1029, 16, 5)), m = a.m.set(random_integers(1029, 16, 6));
  const auto v = a.v.set(random_integers(1029, 16, 7));
  std::vector<double> positive = v;
  for (double& x : positive) x = std::abs(x) + 1;
  a.v.set(positive);
  a.step(stream, {.beta1 = 0.5, .beta2 = 0.5});
  RefTensor new_m, new_v;
  for (size_t i = 0; i < g.size(); ++i) {
    const double mean = 0.5 * m[i] + 0.5 * g[i];
    new_m.value.push_back(mean);
    new_v.value.push_back(0.5 * positive[i] + 0.5 * (g[i] - mean) * (g[i] - mean));
  }
  new_m.magnitude = new_m.value;
  new_v.magnitude = new_v.value;
  EXPECT_TRUE(within(a.m, new_m, {.exact = true}));
  EXPECT_TRUE(within(a.v, new_v, {.exact = true}));
}

// Spec training.md 5.4.
TEST(AdaBelief, TestVectorOfTheSpec) {
  Stream stream;
  TestBuffer g({1}, DType::kF32), w({1}, DType::kF32), m({1}, DType::kF32), v({1}, DType::kF32);
  w.set({0});
  m.set({0});
  v.set({0});
  const double gradients[] = {0.5, -0.25, 0.125, 1.0};
  const double weights[] = {-1.7566975e-4, -2.3594675e-4, -3.2645697e-4, -5.2358869e-4};
  for (int i = 0; i < 4; ++i) {
    g.set({gradients[i]});
    adabelief_step(stream, {}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
    EXPECT_NEAR(w.get(0), weights[i], 2e-10) << "step " << i;  // a few 2^-24 of 5e-4
  }
  EXPECT_NEAR(m.get(0), 0.12745, 1e-7);
  EXPECT_NEAR(v.get(0), 0.00104491, 5e-9);
}

// Spec training.md 5.2, quirk: 3.5 lr whatever the gradient.
TEST(AdaBelief, FirstStepHasTheSameSizeWhateverTheGradient) {
  Stream stream;
  TestBuffer g({2}, DType::kF32), w({2}, DType::kF32), m({2}, DType::kF32), v({2}, DType::kF32);
  g.set({3.0, -70.0});
  w.set({0, 0});
  m.set({0, 0});
  v.set({0, 0});
  adabelief_step(stream, {.learning_rate = 1.0f}, g.view(), {}, w.mut(), m.mut(), v.mut(), {});
  EXPECT_NEAR(w.get(0), -3.5136, 1e-3);
  EXPECT_NEAR(w.get(1), 3.5136, 1e-3);
}

TEST(AdaBelief, CopyIsTheNewWeightRounded) {
  Stream stream;
  Arena a(2051);
  a.step(stream, {.learning_rate = 0.01f});
  for (size_t i = 0; i < 2051; ++i) ASSERT_EQ(a.copy.get(i), cast_ref_bf16(a.w.get(i))) << i;
  EXPECT_TRUE(a.copy.guards_intact());
}

TEST(AdaBelief, DropoutMasksTheWeightChangeOnly) {
  Stream stream;
  for (const int64_t first : {int64_t{0}, int64_t{5}, int64_t{1} << 36}) {
    Arena a(3001);
    const AdaBeliefStep options{.learning_rate = 0.01f,
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

TEST(AdaBelief, SameBitsWhateverTheThreadCount) {
  const AdaBeliefStep options{.keep_probability = 0.3f, .seed = 5};
  Arena a(200001), b(200001);
  Stream one(Engine::kCpu, 1);
  a.step(one, options);
  Stream three(Engine::kCpu, 3);
  b.step(three, options);
  for (size_t i = 0; i < 200001; ++i) ASSERT_EQ(a.w.get(i), b.w.get(i)) << i;
}

TEST(AdaBelief, NanShowsInItsElementOnly) {
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

TEST(AdaBelief, RejectsWhatDoesNotFit) {
  Stream stream;
  Arena a(8), b(9);
  TestBuffer half({8}, DType::kBF16), two({2}, DType::kF32);
  const auto message = [&](const AdaBeliefStep& options, View g, View scale, MutView copy) {
    try {
      adabelief_step(stream, options, g, scale, a.w.mut(), a.m.mut(), a.v.mut(), copy);
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

TEST(KeepMask, KeepsTheShareAskedFor) {
  std::vector<float> mask(100000);
  draw_keep_mask({.seed = 9, .threshold = keep_threshold(0.3)}, 0, mask.data(), 100000);
  double kept = 0;
  for (const float m : mask) kept += m;
  EXPECT_NEAR(kept / 100000, 0.3, 5 * std::sqrt(0.3 * 0.7 / 100000));
}

TEST(KeepMask, DiffersBetweenStepsStreamsAndSeeds) {
  const KeepDraw base{.seed = 1, .stream = 1, .step = 1, .threshold = keep_threshold(0.5)};
  KeepDraw step = base, stream = base, seed = base;
  step.step = 2;
  stream.stream = 2;
  seed.seed = uint64_t{1} << 32 | 1;
  std::vector<float> a(10000), b(10000);
  draw_keep_mask(base, 0, a.data(), 10000);
  for (const KeepDraw& other : {step, stream, seed}) {
    draw_keep_mask(other, 0, b.data(), 10000);
    int equal = 0;
    for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
    EXPECT_NEAR(equal, 5000, 5 * 50);  // independent draws agree half of the time
  }
}

TEST(KeepMask, ASliceDrawsAsTheWhole) {
  const KeepDraw draw{.seed = 4, .threshold = keep_threshold(0.3)};
  std::vector<float> whole(2000), part(777);
  draw_keep_mask(draw, 0, whole.data(), 2000);
  for (const int64_t first : {0, 1, 7, 8, 509, 1000}) {
    draw_keep_mask(draw, first, part.data(), 777);
    for (size_t i = 0; i < part.size(); ++i)
      ASSERT_EQ(part[i], whole[static_cast<size_t>(first) + i]) << first << " + " << i;
  }
}

}  // namespace
}  // namespace diptych
