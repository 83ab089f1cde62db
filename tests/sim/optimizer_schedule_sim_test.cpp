// The kernels that decide on the device whether an update is applied, and with which rate.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/optimizer_schedule/optimizer_schedule_cuda.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

const RateSchedule kSchedule = {
    .rate = 2e-4, .safe_rate = 5e-5, .ramp_steps = 300, .cycle_steps = 500};

// What gate and count make of a state.
OptimizerState after(const std::vector<float>& health, uint32_t step) {
  const DeviceArray<float> values(health);
  const DeviceArray<OptimizerState> state(1, {.learning_rate = -1, .step = step, .apply = 7});
  const View view{values.get(), {static_cast<int64_t>(health.size())}, DType::kF32};
  gate_update_cuda(nullptr, kSchedule, view, state.get());
  count_update_cuda(nullptr, state.get());
  return state.values()[0];
}

TEST(OptimizerScheduleSim, FiniteHealthOpensTheGateAndCounts) {
  for (const size_t size : {1, 31, 32, 33, 70}) {
    for (const uint32_t step : {0u, 150u, 299u, 300u, 100000u}) {
      const OptimizerState state = after(std::vector<float>(size, -1.5f), step);
      EXPECT_EQ(state.apply, 1u);
      EXPECT_EQ(state.step, step + 1);
      // A cosine in double, rounded once: two of them may differ in the last bit of the float.
      const double rate = scheduled_rate(kSchedule, step);
      EXPECT_NEAR(state.learning_rate, rate, 1.2e-7 * rate) << step;
    }
  }
}

TEST(OptimizerScheduleSim, OneBadValueAnywhereClosesIt) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    for (const size_t at : {0, 31, 32, 69}) {
      std::vector<float> health(70, 1.0f);
      health[at] = bad;
      const OptimizerState state = after(health, 9);
      EXPECT_EQ(state.apply, 0u) << at;
      EXPECT_EQ(state.step, 9u) << at;
    }
  }
}

}  // namespace
}  // namespace diptych
