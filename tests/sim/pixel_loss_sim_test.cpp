// pixel_loss's kernels against the double reference.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/pixel_loss/pixel_loss_cuda.h"
#include "kernels/pixel_loss/pixel_loss_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

const std::vector<Shape> kShapes = {
    {1, 1, 1, 1}, {1, 3, 5, 3}, {2, 7, 9, 1}, {3, 16, 17, 3}, {1, 90, 71, 3}};

using Forward = void (*)(PixelErrorPower, View, View, View, MutView);

void naive(PixelErrorPower power, View t, View p, View m, MutView loss) {
  pixel_error_naive_cuda(nullptr, power, t, p, m, loss);
}

void two_pass(PixelErrorPower power, View t, View p, View m, MutView loss) {
  const DeviceArray<double> workspace(pixel_error_workspace(p) / sizeof(double));
  pixel_error_two_pass_cuda(nullptr, power, t, p, m, loss, workspace.get());
  simt::synchronize();
}

constexpr Forward kSteps[] = {naive, two_pass};

struct Case {
  explicit Case(const Shape& s)
      : shape(s),
        t(s, DType::kF32),
        p(s, DType::kF32),
        m({s[0], s[1], s[2], 1}, DType::kF32),
        loss({s[0]}, DType::kF32),
        dloss({s[0]}, DType::kF32),
        dp(s, DType::kF32) {}

  void set_reals() {
    tv = t.set(random_reals(shape.numel(), 1));
    pv = p.set(random_reals(shape.numel(), 2));
    mv = m.set(random_reals(m.shape().numel(), 3));
  }

  PixelLossRef ref(PixelErrorPower power, bool masked) const {
    return pixel_error_ref(tv, pv, masked ? mv : std::vector<double>{},
                           static_cast<size_t>(shape[0]), static_cast<size_t>(shape[3]),
                           static_cast<int>(power));
  }

  View mask(bool masked) const { return masked ? m.view() : View{}; }

  Shape shape;
  DeviceBuffer t, p, m, loss, dloss, dp;
  std::vector<double> tv, pv, mv;
};

// Scales each sample's gradient by dloss, and adds what was there.
RefTensor upstream(const RefTensor& gradient,
                   const std::vector<double>& dloss,
                   const std::vector<double>& before) {
  RefTensor r = gradient;
  const size_t length = r.value.size() / dloss.size();
  for (size_t i = 0; i < r.value.size(); ++i) {
    const double old = before.empty() ? 0.0 : before[i];
    r.value[i] = r.value[i] * dloss[i / length] + old;
    r.magnitude[i] = r.magnitude[i] * std::abs(dloss[i / length]) + std::abs(old);
  }
  return r;
}

class PixelErrorSim : public ::testing::TestWithParam<std::tuple<PixelErrorPower, bool>> {
 protected:
  PixelErrorPower power() const { return std::get<0>(GetParam()); }

  bool masked() const { return std::get<1>(GetParam()); }
};

TEST_P(PixelErrorSim, LossIsWithinItsBound) {
  for (const Forward forward : kSteps)
    for (const Shape& s : kShapes) {
      Case c(s);
      c.set_reals();
      forward(power(), c.t.view(), c.p.view(), c.mask(masked()), c.loss.mut());
      // Difference and product; sums are in double.
      EXPECT_TRUE(within(c.loss.fetch(), c.ref(power(), masked()).loss, {.c = 2})) << s;
    }
}

TEST_P(PixelErrorSim, BackwardIsWithinItsBoundAndAccumulates) {
  for (const Shape& s : kShapes) {
    Case c(s);
    c.set_reals();
    const auto up = c.dloss.set(random_reals(s[0], 4));
    const auto ref = c.ref(power(), masked()).gradient;
    const auto backward = [&](GradMode mode) {
      pixel_error_backward_naive_cuda(nullptr, power(), c.t.view(), c.p.view(), c.mask(masked()),
                                      c.dloss.view(), c.dp.grad(mode));
    };
    backward(GradMode::kOverwrite);
    // Factor, difference, two masks, factor again, accumulation.
    EXPECT_TRUE(within(c.dp.fetch(), upstream(ref, up, {}), {.c = 6})) << s;
    const auto before = c.dp.set(random_reals(s.numel(), 5));
    backward(GradMode::kAccumulate);
    EXPECT_TRUE(within(c.dp.fetch(), upstream(ref, up, before), {.c = 6})) << s;
  }
}

TEST_P(PixelErrorSim, IntegersOverAPowerOfTwoAreExact) {
  for (const Forward forward : kSteps) {
    Case c({2, 16, 16, 2});
    c.tv = c.t.set(random_integers(1024, 8, 1));
    c.pv = c.p.set(random_integers(1024, 8, 2));
    c.mv = c.m.set(random_integers(512, 1, 3));
    const auto up = c.dloss.set({1, -2});
    const auto ref = c.ref(power(), masked());
    forward(power(), c.t.view(), c.p.view(), c.mask(masked()), c.loss.mut());
    EXPECT_TRUE(within(c.loss.fetch(), ref.loss, {.exact = true}));
    pixel_error_backward_naive_cuda(nullptr, power(), c.t.view(), c.p.view(), c.mask(masked()),
                                    c.dloss.view(), c.dp.grad());
    EXPECT_TRUE(within(c.dp.fetch(), upstream(ref.gradient, up, {}), {.exact = true}));
  }
}

TEST_P(PixelErrorSim, NanShowsInItsSampleAndPixel) {
  for (const Forward forward : kSteps) {
    Case c({3, 4, 4, 3});
    c.set_reals();
    c.m.set(std::vector<double>(48, 1.0));
    c.dloss.set({1, 1, 1});
    auto values = c.pv;
    values[70] = std::numeric_limits<double>::quiet_NaN();
    c.p.set(values);
    forward(power(), c.t.view(), c.p.view(), c.mask(masked()), c.loss.mut());
    for (size_t n = 0; n < 3; ++n) EXPECT_EQ(std::isnan(c.loss.fetch().get(n)), n == 1);
    pixel_error_backward_naive_cuda(nullptr, power(), c.t.view(), c.p.view(), c.mask(masked()),
                                    c.dloss.view(), c.dp.grad());
    for (size_t i = 0; i < 144; ++i) EXPECT_EQ(std::isnan(c.dp.fetch().get(i)), i == 70);
  }
}

INSTANTIATE_TEST_SUITE_P(PixelLoss,
                         PixelErrorSim,
                         ::testing::Combine(::testing::Values(PixelErrorPower::kAbsolute,
                                                              PixelErrorPower::kSquared),
                                            ::testing::Bool()),
                         [](const auto& param) {
                           return std::string(std::get<0>(param.param) == PixelErrorPower::kSquared
                                                  ? "squared"
                                                  : "absolute") +
                                  (std::get<1>(param.param) ? "_masked" : "");
                         });

TEST(MulMaskSim, MultipliesEachPixelAndAccumulates) {
  for (const Shape& s : kShapes) {
    Case c(s);
    const auto x = c.t.set(random_integers(s.numel(), 20, 1));
    const auto m = c.m.set(random_integers(c.m.shape().numel(), 3, 2));
    std::vector<double> ref(x.size());
    for (size_t i = 0; i < x.size(); ++i) ref[i] = x[i] * m[i / static_cast<size_t>(s[3])];
    mul_mask_naive_cuda(nullptr, c.t.view(), c.m.view(), c.dp.grad());
    EXPECT_TRUE(within(c.dp.fetch(), {ref, ref}, {.exact = true})) << s;
    mul_mask_naive_cuda(nullptr, c.t.view(), c.m.view(), c.dp.grad(GradMode::kAccumulate));
    for (double& r : ref) r *= 2;
    EXPECT_TRUE(within(c.dp.fetch(), {ref, ref}, {.exact = true})) << s;
  }
}

}  // namespace
}  // namespace diptych
