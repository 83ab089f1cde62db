// The kernels of style_stats against their double references.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/style_stats/style_stats_cuda.h"
#include "kernels/style_stats/style_stats_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

// One pixel; fewer and more channels than threads divide by; one part, one full part, several.
const std::vector<Shape> kShapes = {
    {1, 1, 1, 1}, {2, 3, 5, 3}, {1, 2, 2, 70}, {1, 32, 64, 3}, {2, 61, 67, 3}};

void naive(View x, MutView stats) {
  style_stats_naive_cuda(nullptr, x, stats);
}

void two_pass(View x, MutView stats) {
  const DeviceArray<double> workspace(style_stats_workspace(x) / sizeof(double));
  style_stats_two_pass_cuda(nullptr, x, stats, workspace.get());
  simt::synchronize();
}

constexpr decltype(&naive) kSteps[] = {naive, two_pass};

TEST(StyleStatsSim, ForwardIsWithinItsBound) {
  for (const auto step : kSteps)
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(str(shape, step == naive ? " naive" : " two passes"));
      DeviceBuffer x(shape, DType::kF32), stats({shape[0], 2 * shape[3]}, DType::kF32);
      const auto values = x.set(random_reals(shape.numel(), 1));
      ASSERT_TRUE(style_stats_two_pass_accepts(x.view()));
      step(x.view(), stats.mut());
      // Sums are in double: one rounding at the store.
      EXPECT_TRUE(within(stats.fetch(), ref::style_stats(shape, values), {.c = 0x1p-12}));
    }
}

TEST(StyleStatsSim, BackwardIsWithinItsBound) {
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate})
    for (const Shape& shape : kShapes) {
      const Shape s{shape[0], 2 * shape[3]};
      DeviceBuffer x(shape, DType::kF32), dx(shape, DType::kF32), stats(s, DType::kF32),
          dstats(s, DType::kF32);
      const auto values = x.set(random_reals(shape.numel(), 1));
      const auto up = dstats.set(random_reals(s.numel(), 2));
      const auto before = dx.set(random_reals(shape.numel(), 3));
      style_stats_naive_cuda(nullptr, x.view(), stats.mut());
      style_stats_backward_naive_cuda(nullptr, x.view(), stats.view(), dstats.view(),
                                      dx.grad(mode));
      RefTensor ref = ref::style_stats_backward(shape, values, up);
      for (size_t i = 0; mode == GradMode::kAccumulate && i < before.size(); ++i) {
        ref.value[i] += before[i];
        ref.magnitude[i] += std::abs(before[i]);
      }
      EXPECT_TRUE(within(dx.fetch(), ref, {.c = 8})) << shape;
    }
}

TEST(StyleStatsSim, AFlatPictureFarFromZeroKeepsItsDigits) {
  for (const auto step : kSteps) {
    DeviceBuffer x({1, 64, 64, 1}, DType::kF32), stats({1, 2}, DType::kF32);
    std::vector<double> values(64 * 64);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 4096 + (i % 2 ? 0.5 : -0.5);
    x.set(values);
    step(x.view(), stats.mut());
    EXPECT_EQ(stats.fetch().get(0), 4096.0);
    EXPECT_FLOAT_EQ(static_cast<float>(stats.fetch().get(1)), std::sqrt(0.25001f));
  }
}

TEST(StyleStatsSim, NanShowsInItsChannelOnly) {
  for (const auto step : kSteps) {
    DeviceBuffer x({2, 2, 2, 3}, DType::kF32), stats({2, 6}, DType::kF32);
    auto values = random_reals(24, 1);
    values[12 + 4] = std::numeric_limits<double>::quiet_NaN();  // sample 1, channel 1
    x.set(values);
    step(x.view(), stats.mut());
    for (size_t i = 0; i < 12; ++i)
      EXPECT_EQ(std::isnan(stats.fetch().get(i)), i == 7 || i == 10) << i;
  }
}

}  // namespace
}  // namespace diptych
