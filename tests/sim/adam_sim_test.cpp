// The kernels of adam against their double reference, and their draws against the CPU's.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/adabelief/keep_mask.h"
#include "kernels/adam/adam_cuda.h"
#include "kernels/adam/adam_ref.h"
#include "kernels/cast/cast_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

constexpr double kRoundings = 20;  // as counted in adam_test.cpp, and 4 for the f32 corrections

constexpr decltype(&adam_naive_cuda) kSteps[] = {adam_naive_cuda, adam_vector_cuda};

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

  AdamArrays arrays() {
    return {.gradient = floats(g),
            .weight = floats(w),
            .m = floats(m),
            .v = floats(v),
            .copy = static_cast<bf16*>(copy.mut().data),
            .count = count};
  }

  int64_t count;
  DeviceBuffer g, w, m, v, copy;
  std::vector<double> g_values, w_values, m_values, v_values;
};

void expect_step(Arena& a, const AdamStep& o, double scale) {
  std::vector<float> keep(static_cast<size_t>(a.count), 1.0f);
  if (o.keep_probability < 1)
    draw_keep_mask({o.seed, o.stream, o.step, keep_threshold(o.keep_probability)}, o.first_element,
                   keep.data(), a.count);
  RefTensor w, m, v;
  for (size_t i = 0; i < a.g_values.size(); ++i) {
    const AdamRef ref =
        adam_ref({.learning_rate = static_cast<double>(o.learning_rate),
                  .beta1 = o.beta1,
                  .beta2 = o.beta2,
                  .epsilon = static_cast<double>(o.epsilon),
                  .t = static_cast<int>(o.step) + 1},
                 scale * a.g_values[i], a.w_values[i], a.m_values[i], a.v_values[i], keep[i] != 0);
    w.value.push_back(ref.w);
    w.magnitude.push_back(ref.w_magnitude);
    m.value.push_back(ref.m);
    m.magnitude.push_back(ref.m_magnitude);
    v.value.push_back(ref.v);
    v.magnitude.push_back(ref.v);
  }
  EXPECT_TRUE(within(a.w.fetch(), w, {.c = kRoundings}));
  EXPECT_TRUE(within(a.m.fetch(), m, {.c = kRoundings}));
  EXPECT_TRUE(within(a.v.fetch(), v, {.c = kRoundings}));
}

TEST(AdamSim, StepIsWithinItsBound) {
  for (const auto run : kSteps)
    for (const uint32_t step : {0u, 1u, 5000u})
      for (const int64_t count : {1, 7, 8, 13, 255, 257, 1025}) {
        Arena a(count);
        const AdamStep options{.learning_rate = 0.01f, .step = step};
        run(nullptr, options, a.arrays());
        SCOPED_TRACE(str(count, " elements, step ", step));
        expect_step(a, options, 1.0);
        for (size_t i = 0; i < a.g_values.size(); ++i)
          ASSERT_EQ(a.copy.fetch().get(i), cast_ref_bf16(a.w.fetch().get(i))) << i;
      }
}

TEST(AdamSim, GradientScaleIsReadOnTheDevice) {
  for (const auto run : kSteps) {
    Arena a(133);
    DeviceArray<float> scale(1, 0.25f);
    AdamArrays arrays = a.arrays();
    arrays.gradient_scale = scale.get();
    const AdamStep options{.learning_rate = 0.01f};
    run(nullptr, options, arrays);
    expect_step(a, options, 0.25);
  }
}

// The same draws as the CPU's, at odd places of the arena too: only the naive step takes those.
TEST(AdamSim, DropoutDrawsAsTheCpuDoes) {
  for (const int64_t first : {int64_t{0}, int64_t{5}, int64_t{1} << 36})
    for (const auto run : kSteps) {
      Arena a(1003);
      const AdamStep options{.learning_rate = 0.01f,
                             .keep_probability = 0.3f,
                             .seed = 0x123456789abcdef0,
                             .stream = 3,
                             .step = 17,
                             .first_element = first};
      if (run == adam_vector_cuda && !adam_vector_accepts(options, a.arrays())) {
        EXPECT_NE(first % 8, 0);
        continue;
      }
      run(nullptr, options, a.arrays());
      SCOPED_TRACE(first);
      expect_step(a, options, 1.0);
    }
}

// A captured graph replays its arguments: what changes lies in device memory.
TEST(AdamSim, RateAndStepAreReadFromDeviceMemory) {
  const OptimizerState now{.learning_rate = 0.02f, .step = 41, .apply = 1};
  DeviceArray<OptimizerState> state(1, now);
  for (const auto run : kSteps) {
    Arena a(261);
    AdamStep options{.learning_rate = 9.0f, .keep_probability = 0.5f, .seed = 3, .step = 1};
    AdamArrays arrays = a.arrays();
    arrays.state = state.get();
    run(nullptr, options, arrays);
    options.learning_rate = now.learning_rate;
    options.step = now.step;
    expect_step(a, options, 1.0);
  }
}

TEST(AdamSim, AClosedGateLeavesEverythingAsItIs) {
  DeviceArray<OptimizerState> state(1, OptimizerState{.learning_rate = 1, .step = 0, .apply = 0});
  for (const auto run : kSteps) {
    Arena a(261);
    AdamArrays arrays = a.arrays();
    arrays.state = state.get();
    run(nullptr, {}, arrays);
    for (size_t i = 0; i < 261; ++i) {
      EXPECT_EQ(a.w.fetch().get(i), a.w_values[i]);
      EXPECT_EQ(a.v.fetch().get(i), a.v_values[i]);
    }
  }
}

TEST(AdamSim, NanShowsInItsElementOnly) {
  for (const auto run : kSteps) {
    Arena a(33);
    a.g_values[7] = std::numeric_limits<double>::quiet_NaN();
    a.g.set(a.g_values);
    run(nullptr, {}, a.arrays());
    for (size_t i = 0; i < 33; ++i) EXPECT_EQ(std::isnan(a.w.fetch().get(i)), i == 7);
  }
}

}  // namespace
}  // namespace diptych
