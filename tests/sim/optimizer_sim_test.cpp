// The kernels of adabelief and rmsprop against their double references, and their draws against the
// CPU's.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/adabelief/adabelief_cuda.h"
#include "kernels/adabelief/adabelief_ref.h"
#include "kernels/adabelief/keep_mask.h"
#include "kernels/cast/cast_ref.h"
#include "kernels/rmsprop/rmsprop_cuda.h"
#include "kernels/rmsprop/rmsprop_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

// As counted in adabelief_test.cpp and rmsprop_test.cpp.
constexpr double kAdaBeliefRoundings = 16, kRmsPropRoundings = 9;

const std::vector<int64_t> kCounts = {1, 7, 8, 13, 255, 257, 1025};

struct Arena {
  explicit Arena(int64_t n)
      : count(n),
        g({n}, DType::kF32),
        w({n}, DType::kF32),
        m({n}, DType::kF32),
        v({n}, DType::kF32),
        copy({n}, DType::kBF16) {
    g_values = g.set(random_reals(n, 1));
    w_values = w.set(random_reals(n, 2));
    m_values = m.set(random_reals(n, 3));
    std::vector<double> spread = random_reals(n, 4);
    for (double& s : spread) s = 1e-4 + s * s;
    v_values = v.set(spread);
  }

  static float* floats(DeviceBuffer& b) { return static_cast<float*>(b.mut().data); }

  AdaBeliefArrays adabelief() {
    return {.gradient = floats(g),
            .weight = floats(w),
            .m = floats(m),
            .v = floats(v),
            .copy = static_cast<bf16*>(copy.mut().data),
            .count = count};
  }

  RmsPropArrays rmsprop() {
    return {.gradient = floats(g),
            .weight = floats(w),
            .v = floats(v),
            .copy = static_cast<bf16*>(copy.mut().data),
            .count = count};
  }

  int64_t count;
  DeviceBuffer g, w, m, v, copy;
  std::vector<double> g_values, w_values, m_values, v_values;
};

template <class Options>
std::vector<float> keep_mask(const Options& o, int64_t count) {
  std::vector<float> keep(static_cast<size_t>(count), 1.0f);
  if (o.keep_probability < 1)
    draw_keep_mask({o.seed, o.stream, o.step, keep_threshold(o.keep_probability)}, o.first_element,
                   keep.data(), count);
  return keep;
}

void expect_adabelief(Arena& a, const AdaBeliefStep& o, double scale) {
  const auto keep = keep_mask(o, a.count);
  RefTensor w, m, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const AdaBeliefRef ref = adabelief_ref({.learning_rate = o.learning_rate,
                                            .beta1 = o.beta1,
                                            .beta2 = o.beta2,
                                            .epsilon = o.epsilon},
                                           scale * a.g_values[i], a.w_values[i], a.m_values[i],
                                           a.v_values[i], keep[i] != 0);
    w.value.push_back(ref.w);
    w.magnitude.push_back(ref.w_magnitude);
    m.value.push_back(ref.m);
    m.magnitude.push_back(ref.m_magnitude);
    v.value.push_back(ref.v);
    v.magnitude.push_back(ref.v_magnitude);
  }
  EXPECT_TRUE(within(a.w.fetch(), w, {.c = kAdaBeliefRoundings}));
  EXPECT_TRUE(within(a.m.fetch(), m, {.c = kAdaBeliefRoundings}));
  EXPECT_TRUE(within(a.v.fetch(), v, {.c = kAdaBeliefRoundings}));
}

void expect_rmsprop(Arena& a, const RmsPropStep& o, double scale) {
  const auto keep = keep_mask(o, a.count);
  RefTensor w, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const RmsPropRef ref = rmsprop_ref(o.learning_rate, o.rho, o.epsilon, scale * a.g_values[i],
                                       a.w_values[i], a.v_values[i], keep[i] != 0);
    w.value.push_back(ref.w);
    w.magnitude.push_back(ref.w_magnitude);
    v.value.push_back(ref.v);
    v.magnitude.push_back(ref.v);
  }
  EXPECT_TRUE(within(a.w.fetch(), w, {.c = kRmsPropRoundings}));
  EXPECT_TRUE(within(a.v.fetch(), v, {.c = kRmsPropRoundings}));
}

void expect_copy(Arena& a) {
  for (size_t i = 0; i < a.g_values.size(); ++i)
    ASSERT_EQ(a.copy.fetch().get(i), cast_ref_bf16(a.w.fetch().get(i))) << i;
}

constexpr decltype(&adabelief_naive_cuda) kAdaBelief[] = {adabelief_naive_cuda,
                                                          adabelief_vector_cuda};
constexpr decltype(&rmsprop_naive_cuda) kRmsProp[] = {rmsprop_naive_cuda, rmsprop_vector_cuda};

TEST(AdaBeliefSim, StepIsWithinItsBound) {
  for (const auto run : kAdaBelief)
    for (const int64_t count : kCounts) {
      Arena a(count);
      const AdaBeliefStep options{.learning_rate = 0.01f};
      run(nullptr, options, a.adabelief());
      SCOPED_TRACE(count);
      expect_adabelief(a, options, 1.0);
      expect_copy(a);
    }
}

TEST(RmsPropSim, StepIsWithinItsBound) {
  for (const auto run : kRmsProp)
    for (const int64_t count : kCounts) {
      Arena a(count);
      const RmsPropStep options{.learning_rate = 0.01f};
      run(nullptr, options, a.rmsprop());
      SCOPED_TRACE(count);
      expect_rmsprop(a, options, 1.0);
      expect_copy(a);
    }
}

// With powers of two every intermediate of the moments is exact.
TEST(AdaBeliefSim, MomentsOfIntegersAreExact) {
  for (const auto run : kAdaBelief) {
    Arena a(1029);
    const auto g = a.g.set(random_integers(1029, 16, 5)), m = a.m.set(random_integers(1029, 16, 6));
    std::vector<double> v = random_integers(1029, 16, 7);
    for (double& x : v) x = std::abs(x) + 1;
    a.v.set(v);
    run(nullptr, {.beta1 = 0.5, .beta2 = 0.5}, a.adabelief());
    RefTensor new_m, new_v;
    for (size_t i = 0; i < g.size(); ++i) {
      const double mean = 0.5 * m[i] + 0.5 * g[i];
      new_m.value.push_back(mean);
      new_v.value.push_back(0.5 * v[i] + 0.5 * (g[i] - mean) * (g[i] - mean));
    }
    new_m.magnitude = new_m.value;
    new_v.magnitude = new_v.value;
    EXPECT_TRUE(within(a.m.fetch(), new_m, {.exact = true}));
    EXPECT_TRUE(within(a.v.fetch(), new_v, {.exact = true}));
  }
}

TEST(AdaBeliefSim, GradientScaleIsReadOnTheDevice) {
  for (const auto run : kAdaBelief) {
    Arena a(133);
    DeviceArray<float> scale(1, 0.25f);
    AdaBeliefArrays arrays = a.adabelief();
    arrays.gradient_scale = scale.get();
    const AdaBeliefStep options{.learning_rate = 0.01f};
    run(nullptr, options, arrays);
    expect_adabelief(a, options, 0.25);
  }
}

TEST(RmsPropSim, GradientScaleIsReadOnTheDevice) {
  for (const auto run : kRmsProp) {
    Arena a(133);
    DeviceArray<float> scale(1, 0.25f);
    RmsPropArrays arrays = a.rmsprop();
    arrays.gradient_scale = scale.get();
    const RmsPropStep options{.learning_rate = 0.01f};
    run(nullptr, options, arrays);
    expect_rmsprop(a, options, 0.25);
  }
}

// The same draws as the CPU's, at odd places of the arena too: only the naive step takes those.
TEST(AdaBeliefSim, DropoutDrawsAsTheCpuDoes) {
  for (const int64_t first : {int64_t{0}, int64_t{5}, int64_t{1} << 36})
    for (const auto run : kAdaBelief) {
      Arena a(1003);
      const AdaBeliefStep options{.learning_rate = 0.01f,
                                  .keep_probability = 0.3f,
                                  .seed = 0x123456789abcdef0,
                                  .stream = 3,
                                  .step = 17,
                                  .first_element = first};
      if (run == adabelief_vector_cuda && !adabelief_vector_accepts(options, a.adabelief())) {
        EXPECT_NE(first % 8, 0);
        continue;
      }
      run(nullptr, options, a.adabelief());
      SCOPED_TRACE(first);
      expect_adabelief(a, options, 1.0);
    }
}

TEST(RmsPropSim, DropoutDrawsAsTheCpuDoes) {
  for (const int64_t first : {int64_t{0}, int64_t{5}, int64_t{1} << 36})
    for (const auto run : kRmsProp) {
      Arena a(1003);
      const RmsPropStep options{.learning_rate = 0.01f,
                                .keep_probability = 0.3f,
                                .seed = 0x123456789abcdef0,
                                .stream = 3,
                                .step = 17,
                                .first_element = first};
      if (run == rmsprop_vector_cuda && !rmsprop_vector_accepts(options, a.rmsprop())) {
        EXPECT_NE(first % 8, 0);
        continue;
      }
      run(nullptr, options, a.rmsprop());
      SCOPED_TRACE(first);
      expect_rmsprop(a, options, 1.0);
    }
}

// A captured graph replays its arguments: what changes lies in device memory.
TEST(OptimizerSim, RateAndStepAreReadFromDeviceMemory) {
  const OptimizerState now{.learning_rate = 0.02f, .step = 41, .apply = 1};
  DeviceArray<OptimizerState> state(1, now);
  for (const auto run : kAdaBelief) {
    Arena a(261);
    AdaBeliefStep options{.learning_rate = 9.0f, .keep_probability = 0.5f, .seed = 3, .step = 1};
    AdaBeliefArrays arrays = a.adabelief();
    arrays.state = state.get();
    run(nullptr, options, arrays);
    options.learning_rate = now.learning_rate;
    options.step = now.step;
    expect_adabelief(a, options, 1.0);
  }
  for (const auto run : kRmsProp) {
    Arena a(261);
    RmsPropStep options{.learning_rate = 9.0f, .keep_probability = 0.5f, .seed = 3, .step = 1};
    RmsPropArrays arrays = a.rmsprop();
    arrays.state = state.get();
    run(nullptr, options, arrays);
    options.learning_rate = now.learning_rate;
    options.step = now.step;
    expect_rmsprop(a, options, 1.0);
  }
}

TEST(OptimizerSim, AClosedGateLeavesEverythingAsItIs) {
  DeviceArray<OptimizerState> state(1, OptimizerState{.learning_rate = 1, .step = 0, .apply = 0});
  for (const auto run : kAdaBelief) {
    Arena a(261);
    AdaBeliefArrays arrays = a.adabelief();
    arrays.state = state.get();
    run(nullptr, {}, arrays);
    for (size_t i = 0; i < 261; ++i) {
      EXPECT_EQ(a.w.fetch().get(i), a.w_values[i]);
      EXPECT_EQ(a.v.fetch().get(i), a.v_values[i]);
    }
  }
  for (const auto run : kRmsProp) {
    Arena a(261);
    RmsPropArrays arrays = a.rmsprop();
    arrays.state = state.get();
    run(nullptr, {}, arrays);
    for (size_t i = 0; i < 261; ++i) EXPECT_EQ(a.w.fetch().get(i), a.w_values[i]);
  }
}

TEST(AdaBeliefSim, NanShowsInItsElementOnly) {
  for (const auto run : kAdaBelief) {
    Arena a(33);
    a.g_values[7] = std::numeric_limits<double>::quiet_NaN();
    a.g.set(a.g_values);
    run(nullptr, {}, a.adabelief());
    for (size_t i = 0; i < 33; ++i) {
      EXPECT_EQ(std::isnan(a.w.fetch().get(i)), i == 7);
      EXPECT_EQ(std::isnan(a.copy.fetch().get(i)), i == 7);
    }
  }
}

}  // namespace
}  // namespace diptych
