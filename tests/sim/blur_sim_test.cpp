// blur's kernels against the double reference.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/blur/blur.h"
#include "kernels/blur/blur_cuda.h"
#include "kernels/blur/blur_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

struct Case {
  Shape shape;
  double sigma;
};

const std::vector<Case> kCases = {{{1, 1, 1, 1}, 0.5},    {{1, 5, 7, 3}, 2},  {{2, 9, 4, 1}, 1.75},
                                  {{2, 17, 13, 3}, 0.75}, {{1, 3, 40, 5}, 4}, {{1, 23, 27, 1}, 8}};

void naive(View x, double sigma, GradView y) {
  blur_naive_cuda(nullptr, x, sigma, y);
}

void separable(View x, double sigma, GradView y) {
  const DeviceArray<float> workspace(blur_workspace(x) / sizeof(float));
  blur_separable_cuda(nullptr, x, sigma, y, workspace.get());
  simt::synchronize();
}

constexpr decltype(&naive) kSteps[] = {naive, separable};

// Both passes add their taps in order; each weight is rounded, and its exponent.
Tolerance bound(double sigma) {
  return {.c = 2.0 * blur_size(sigma) + 4};
}

TEST(BlurSim, IsWithinItsBoundAndAccumulates) {
  for (const auto step : kSteps)
    for (const Case& c : kCases) {
      DeviceBuffer x(c.shape, DType::kF32), y(c.shape, DType::kF32);
      const auto xv = x.set(random_reals(c.shape.numel(), 1));
      RefTensor ref = blur_ref(xv, c.shape, c.sigma);
      step(x.view(), c.sigma, y.grad());
      EXPECT_TRUE(within(y.fetch(), ref, bound(c.sigma))) << c.shape << " sigma " << c.sigma;
      step(x.view(), c.sigma, y.grad(GradMode::kAccumulate));
      for (double& v : ref.value) v *= 2;
      for (double& v : ref.magnitude) v *= 2;
      EXPECT_TRUE(within(y.fetch(), ref, bound(c.sigma))) << c.shape << " sigma " << c.sigma;
    }
}

// <G x, z> = <x, G z>: backward is the same filter.
TEST(BlurSim, IsItsOwnAdjoint) {
  for (const auto step : kSteps)
    for (const Case& c : kCases) {
      DeviceBuffer x(c.shape, DType::kF32), z(c.shape, DType::kF32), gx(c.shape, DType::kF32),
          gz(c.shape, DType::kF32);
      const auto xv = x.set(random_reals(c.shape.numel(), 1)),
                 zv = z.set(random_reals(c.shape.numel(), 2));
      step(x.view(), c.sigma, gx.grad());
      step(z.view(), c.sigma, gz.grad());
      const RefTensor rx = blur_ref(xv, c.shape, c.sigma), rz = blur_ref(zv, c.shape, c.sigma);
      double left = 0, right = 0, scale = 0;
      for (size_t i = 0; i < xv.size(); ++i) {
        left += gx.fetch().get(i) * zv[i];
        right += xv[i] * gz.fetch().get(i);
        scale += rx.magnitude[i] * std::abs(zv[i]) + rz.magnitude[i] * std::abs(xv[i]);
      }
      EXPECT_NEAR(left, right, (bound(c.sigma).c + 1) * 0x1p-24 * scale) << c.shape;
    }
}

TEST(BlurSim, ATapOfOneStaysInPlace) {  // sigma so small that the other weights vanish in f32
  for (const auto step : kSteps) {
    DeviceBuffer x({1, 4, 5, 2}, DType::kF32), y({1, 4, 5, 2}, DType::kF32);
    const auto xv = x.set(random_integers(40, 9, 1));
    step(x.view(), 0.05, y.grad());
    EXPECT_TRUE(within(y.fetch(), {xv, xv}, {.exact = true}));
  }
}

TEST(BlurSim, NanReachesTheWindowOnly) {
  for (const auto step : kSteps) {
    DeviceBuffer x({1, 9, 9, 1}, DType::kF32), y({1, 9, 9, 1}, DType::kF32);
    std::vector<double> values(81, 1.0);
    values[4 * 9 + 4] = std::numeric_limits<double>::quiet_NaN();
    x.set(values);
    step(x.view(), 1.0, y.grad());  // 5 x 5
    for (int i = 0; i < 81; ++i)
      EXPECT_EQ(std::isnan(y.fetch().get(static_cast<size_t>(i))),
                std::abs(i / 9 - 4) <= 2 && std::abs(i % 9 - 4) <= 2)
          << i;
  }
}

const BlurBorder kBorders[] = {BlurBorder::kZeros, BlurBorder::kRenormalised};

TEST(SoftMaskSim, DoublesAndClipsTheBlur) {
  const Shape shape{2, 20, 17, 1};
  for (const BlurBorder border : kBorders) {
    DeviceBuffer x(shape, DType::kF32), y(shape, DType::kF32);
    std::vector<double> values(static_cast<size_t>(shape.numel()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = i % 17 < 8 ? 1.0 : 0.0;
    RefTensor ref = blur_ref(x.set(values), shape, 2);
    const auto inside = blur_ref_inside(shape, 2);
    for (size_t i = 0; i < values.size(); ++i) {
      const double share = border == BlurBorder::kZeros ? 1 : inside[i];
      ref.value[i] = soft_mask_ref(ref.value[i] / share);
      ref.magnitude[i] *= 2 / share;
    }
    const DeviceArray<float> workspace(blur_workspace(x.view()) / sizeof(float));
    soft_mask_separable_cuda(nullptr, x.view(), 2, border, y.mut(), workspace.get());
    EXPECT_TRUE(within(y.fetch(), ref, bound(2)));
  }
}

TEST(BlurOutSim, FollowsTheFormula) {
  const Shape shape{2, 11, 14, 3}, mask_shape{2, 11, 14, 1};
  for (const BlurBorder border : kBorders) {
    DeviceBuffer t(shape, DType::kF32), m(mask_shape, DType::kF32), y(shape, DType::kF32);
    auto picture = random_reals(shape.numel(), 5), mask = random_reals(mask_shape.numel(), 6);
    for (double& v : picture) v = 0.5 + 0.5 * v;
    for (double& v : mask) v = v > 0 ? 1.0 : (v > -0.5 ? 0.0 : -v);
    const auto tv = t.set(picture), mv = m.set(mask);
    const DeviceArray<float> workspace(blur_out_workspace(t.view()) / sizeof(float));
    blur_out_separable_cuda(nullptr, t.view(), m.view(), 1, border, y.mut(), workspace.get());
    EXPECT_TRUE(within(
        y.fetch(), blur_out_ref(tv, mv, shape, 1, border == BlurBorder::kRenormalised), bound(1)));
  }
}

}  // namespace
}  // namespace diptych
