// Tests of optimizer_schedule: the formula, and the device's decisions.
// SPDX-License-Identifier: MIT
#include "kernels/optimizer_schedule/optimizer_schedule.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/common/device.h"

namespace diptych {
namespace {

TEST(OptimizerSchedule, RampRisesFromTheSafeRateToTheRate) {
  const RateSchedule s{.rate = 2e-4, .safe_rate = 5e-5, .ramp_steps = 300};
  EXPECT_DOUBLE_EQ(scheduled_rate(s, 0), 5e-5);
  EXPECT_DOUBLE_EQ(scheduled_rate(s, 150), 1.25e-4);
  EXPECT_DOUBLE_EQ(scheduled_rate(s, 300), 2e-4);
  EXPECT_DOUBLE_EQ(scheduled_rate(s, 100000), 2e-4);
}

TEST(OptimizerSchedule, SafeRateNeedsNoRamp) {
  EXPECT_DOUBLE_EQ(scheduled_rate({.rate = 3e-5, .safe_rate = 5e-5, .ramp_steps = 300}, 0), 3e-5);
}

TEST(OptimizerSchedule, CycleFallsToZeroHalfWay) {
  const RateSchedule s{.rate = 5e-5, .cycle_steps = 500};
  EXPECT_DOUBLE_EQ(scheduled_rate(s, 0), 5e-5);
  EXPECT_NEAR(scheduled_rate(s, 125), 2.5e-5, 1e-18);
  EXPECT_NEAR(scheduled_rate(s, 250), 0, 1e-18);
  EXPECT_NEAR(scheduled_rate(s, 500), 5e-5, 1e-18);
}

// A state on the device and what gate and count make of it.
class DeviceSchedule : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }

  OptimizerState after(const std::vector<float>& health, uint32_t step, bool count) {
    Stream stream(device_engine());
    OptimizerState state{.learning_rate = -1, .step = step, .apply = 7};
    auto* const values = static_cast<float*>(device::allocate(health.size() * sizeof(float)));
    auto* const on_device = static_cast<OptimizerState*>(device::allocate(sizeof(state)));
    device::upload(stream.cuda(), values, health.data(), health.size() * sizeof(float));
    device::upload(stream.cuda(), on_device, &state, sizeof(state));
    const View view{values, {static_cast<int64_t>(health.size())}, DType::kF32};
    gate_update(stream, {.rate = 2e-4, .safe_rate = 5e-5, .ramp_steps = 300}, view, on_device);
    if (count) count_update(stream, on_device);
    device::download(stream.cuda(), &state, on_device, sizeof(state));
    device::release(values);
    device::release(on_device);
    return state;
  }
};

TEST_F(DeviceSchedule, FiniteHealthOpensTheGate) {
  const OptimizerState state = after(std::vector<float>(70, 1.5f), 150, true);
  EXPECT_EQ(state.apply, 1u);
  EXPECT_EQ(state.step, 151u);
  EXPECT_FLOAT_EQ(state.learning_rate, 1.25e-4f);
}

TEST_F(DeviceSchedule, OneBadValueAnywhereClosesIt) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const size_t at : {0, 31, 32, 69}) {
      std::vector<float> health(70, 1.0f);
      health[at] = bad;
      const OptimizerState state = after(health, 9, true);
      EXPECT_EQ(state.apply, 0u) << at;
      EXPECT_EQ(state.step, 9u) << at;
    }
  }
}

}  // namespace
}  // namespace diptych
