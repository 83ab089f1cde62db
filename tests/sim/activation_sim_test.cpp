// The kernels of sigmoid and x_cos_x against their double references.
// SPDX-License-Identifier: MIT
#include <limits>

#include <gtest/gtest.h>

#include "kernels/sigmoid/sigmoid_cuda.h"
#include "kernels/sigmoid/sigmoid_ref.h"
#include "kernels/x_cos_x/x_cos_x_cuda.h"
#include "kernels/x_cos_x/x_cos_x_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

// CUDA documents expf within 2 units in the last place, cosf and sinf within 2; a unit is at most
// two roundings. Then a sum and a quotient, or a product and a difference.
constexpr double kSigmoidRoundings = 4 + 2, kXCosXRoundings = 4 + 2;

const std::vector<int64_t> kCounts = {1, 7, 8, 1025};

class ActivationSim : public ::testing::TestWithParam<DType> {
 protected:
  static std::vector<double> reals_within(int64_t count, double range, uint64_t seed) {
    std::vector<double> values = random_reals(count, seed);
    for (double& v : values) v *= range;
    return values;
  }
};

TEST_P(ActivationSim, SigmoidIsWithinItsBound) {
  for (const int64_t count : kCounts)
    for (const double range : {1.0, 20.0, 86.0}) {
      DeviceBuffer x({count}, GetParam()), y({count}, GetParam());
      const auto xv = x.set(reals_within(count, range, 11));
      sigmoid_forward_naive_cuda(nullptr, x.view(), y.mut());
      RefTensor ref;
      for (const double v : xv) ref.value.push_back(sigmoid_ref(v));
      ref.magnitude = ref.value;
      EXPECT_TRUE(within(y.fetch(), ref, {.c = kSigmoidRoundings})) << count << " in " << range;
    }
}

TEST_P(ActivationSim, SigmoidOfEdges) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  DeviceBuffer x({5}, GetParam()), y({5}, GetParam());
  x.set({0, kInf, -kInf, 200, std::numeric_limits<double>::quiet_NaN()});
  sigmoid_forward_naive_cuda(nullptr, x.view(), y.mut());
  const TestBuffer& out = y.fetch();
  EXPECT_EQ(out.get(0), 0.5);
  EXPECT_EQ(out.get(1), 1.0);
  EXPECT_EQ(out.get(2), 0.0);
  EXPECT_EQ(out.get(3), 1.0);
  EXPECT_TRUE(std::isnan(out.get(4)));
}

TEST_P(ActivationSim, SigmoidBackwardUsesTheStoredOutput) {
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    const Shape shape{1, 3, 341, 1};
    DeviceBuffer y(shape, GetParam()), dy(shape, GetParam()), dx(shape, GetParam());
    std::vector<double> values = random_reals(shape.numel(), 12);
    for (double& v : values) v = std::abs(v);
    const auto yv = y.set(values), dyv = dy.set(random_reals(shape.numel(), 13));
    const auto before = dx.set(random_reals(shape.numel(), 14));
    sigmoid_backward_naive_cuda(nullptr, y.view(), dy.view(), dx.grad(mode));
    RefTensor ref;
    for (size_t i = 0; i < yv.size(); ++i) {
      const double slope = sigmoid_ref_backward(yv[i], dyv[i]);
      const double old = mode == GradMode::kAccumulate ? before[i] : 0.0;
      ref.value.push_back(slope + old);
      ref.magnitude.push_back(std::abs(slope) + std::abs(old));
    }
    EXPECT_TRUE(within(dx.fetch(), ref, {.c = 4}));  // 1-y, two products, the accumulation
  }
}

TEST_P(ActivationSim, XCosXIsWithinItsBound) {
  for (const int64_t count : kCounts)
    for (const double range : {0.8, 10.0, 8192.0, 1e6}) {
      DeviceBuffer x({count}, GetParam()), y({count}, GetParam());
      const auto xv = x.set(reals_within(count, range, 11));
      x_cos_x_forward_naive_cuda(nullptr, x.view(), y.mut());
      RefTensor ref;
      for (const double v : xv) {
        ref.value.push_back(x_cos_x_ref(v));
        ref.magnitude.push_back(std::abs(v));
      }
      EXPECT_TRUE(within(y.fetch(), ref, {.c = kXCosXRoundings})) << count << " in " << range;
    }
}

TEST_P(ActivationSim, XCosXBackwardIsWithinItsBound) {
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    const Shape shape{1, 3, 341, 1};
    DeviceBuffer x(shape, GetParam()), dy(shape, GetParam()), dx(shape, GetParam());
    const auto xv = x.set(reals_within(shape.numel(), 3.0, 12));
    const auto dyv = dy.set(random_reals(shape.numel(), 13));
    const auto before = dx.set(random_reals(shape.numel(), 14));
    x_cos_x_backward_naive_cuda(nullptr, x.view(), dy.view(), dx.grad(mode));
    RefTensor ref;
    for (size_t i = 0; i < xv.size(); ++i) {
      const double old = mode == GradMode::kAccumulate ? before[i] : 0.0;
      ref.value.push_back(x_cos_x_ref_backward(xv[i], dyv[i]) + old);
      ref.magnitude.push_back(std::abs(dyv[i]) * (1 + std::abs(xv[i])) + std::abs(old));
    }
    EXPECT_TRUE(within(dx.fetch(), ref, {.c = kXCosXRoundings + 2}));
  }
}

TEST_P(ActivationSim, OutputsMayOverwriteInputs) {
  DeviceBuffer x({1025}, GetParam()), y({1025}, GetParam());
  const auto xv = x.set(random_reals(1025, 1));
  sigmoid_forward_naive_cuda(nullptr, x.view(), y.mut());
  sigmoid_forward_naive_cuda(nullptr, x.view(), x.mut());
  for (size_t i = 0; i < 1025; ++i) ASSERT_EQ(x.fetch().get(i), y.fetch().get(i)) << i;
}

INSTANTIATE_TEST_SUITE_P(Activation,
                         ActivationSim,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

}  // namespace
}  // namespace diptych
