// Tests of style_stats.
// SPDX-License-Identifier: MIT
#include "kernels/style_stats/style_stats.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/style_stats/style_stats_ref.h"

namespace diptych {
namespace {

const std::vector<Shape> kShapes = {{1, 1, 1, 1}, {1, 3, 5, 3},   {2, 7, 4, 3},
                                    {3, 1, 9, 4}, {2, 33, 31, 3}, {1, 2, 2, 70}};

TEST(StyleStats, ForwardIsWithinItsBound) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, DType::kF32), stats({shape[0], 2 * shape[3]}, DType::kF32);
    const auto values = x.set(random_reals(shape.numel(), 1));
    style_stats_forward(stream, x.view(), stats.mut());
    // Sums are in double: one rounding at the store.
    EXPECT_TRUE(within(stats, ref::style_stats(shape, values), {.c = 0x1p-12})) << shape;
  }
}

TEST(StyleStats, BackwardIsWithinItsBound) {
  Stream stream;
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    for (const Shape& shape : kShapes) {
      const Shape s{shape[0], 2 * shape[3]};
      TestBuffer x(shape, DType::kF32), dx(shape, DType::kF32), stats(s, DType::kF32),
          dstats(s, DType::kF32);
      const auto values = x.set(random_reals(shape.numel(), 1));
      const auto up = dstats.set(random_reals(s.numel(), 2));
      const auto before = dx.set(random_reals(shape.numel(), 3));
      style_stats_forward(stream, x.view(), stats.mut());
      style_stats_backward(stream, x.view(), stats.view(), dstats.view(), dx.grad(mode));
      RefTensor ref = ref::style_stats_backward(shape, values, up);
      for (size_t i = 0; mode == GradMode::kAccumulate && i < before.size(); ++i) {
        ref.value[i] += before[i];
        ref.magnitude[i] += std::abs(before[i]);
      }
      // Both statistics, two quotients, difference, product, sum, accumulation.
      EXPECT_TRUE(within(dx, ref, {.c = 8})) << shape;
    }
  }
}

TEST(StyleStats, ReferenceBackwardMatchesFiniteDifferences) {
  const Shape shape{2, 3, 2, 3};
  const auto x = random_reals(shape.numel(), 5), up = random_reals(2 * 2 * 3, 6);
  const auto dx = ref::style_stats_backward(shape, x, up).value;
  const double h = 1e-6;
  for (size_t i = 0; i < x.size(); ++i) {
    auto above = x, below = x;
    above[i] += h;
    below[i] -= h;
    const auto a = ref::style_stats(shape, above).value, b = ref::style_stats(shape, below).value;
    double slope = 0;
    for (size_t j = 0; j < up.size(); ++j) slope += up[j] * (a[j] - b[j]) / (2 * h);
    EXPECT_NEAR(dx[i], slope, 1e-8) << i;
  }
}

// 0 2 4 6: mean 3, squares around it 9 1 1 9, variance 5.
TEST(StyleStats, WorkedExampleOfThePage) {
  Stream stream;
  TestBuffer x({1, 2, 2, 1}, DType::kF32), stats({1, 2}, DType::kF32);
  x.set({0, 2, 4, 6});
  style_stats_forward(stream, x.view(), stats.mut());
  EXPECT_EQ(stats.get(0), 3.0);
  EXPECT_FLOAT_EQ(static_cast<float>(stats.get(1)), std::sqrt(5.00001f));
}

TEST(StyleStats, AFlatPictureFarFromZeroKeepsItsDigits) {
  Stream stream;
  TestBuffer x({1, 64, 64, 1}, DType::kF32), stats({1, 2}, DType::kF32);
  std::vector<double> values(64 * 64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 4096 + (i % 2 ? 0.5 : -0.5);
  x.set(values);
  style_stats_forward(stream, x.view(), stats.mut());
  EXPECT_EQ(stats.get(0), 4096.0);
  EXPECT_FLOAT_EQ(static_cast<float>(stats.get(1)), std::sqrt(0.25001f));
}

TEST(StyleStats, SameBitsWhateverTheThreadCount) {
  const Shape shape{5, 17, 13, 3};
  TestBuffer x(shape, DType::kF32), a({5, 6}, DType::kF32), b({5, 6}, DType::kF32);
  x.set(random_reals(shape.numel(), 1));
  Stream one(Engine::kCpu, 1);
  style_stats_forward(one, x.view(), a.mut());
  Stream three(Engine::kCpu, 3);
  style_stats_forward(three, x.view(), b.mut());
  for (size_t i = 0; i < 30; ++i) ASSERT_EQ(a.get(i), b.get(i)) << i;
}

TEST(StyleStats, NanShowsInItsChannelOnly) {
  Stream stream;
  TestBuffer x({2, 2, 2, 3}, DType::kF32), stats({2, 6}, DType::kF32);
  auto values = random_reals(24, 1);
  values[12 + 4] = std::numeric_limits<double>::quiet_NaN();  // sample 1, channel 1
  x.set(values);
  style_stats_forward(stream, x.view(), stats.mut());
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(std::isnan(stats.get(i)), i == 7 || i == 10) << i;
}

TEST(StyleStats, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer x({2, 2, 2, 3}, DType::kF32), half({2, 2, 2, 3}, DType::kBF16),
      stats({2, 6}, DType::kF32), narrow({2, 3}, DType::kF32), empty({2, 0, 2, 3}, DType::kF32);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([&] { style_stats_forward(stream, half.view(), stats.mut()); }),
            "style_stats_forward: x is (2,2,2,3) bf16, expected (N,H,W,C) f32");
  EXPECT_EQ(message([&] { style_stats_forward(stream, x.view(), narrow.mut()); }),
            "style_stats_forward: statistics are (2,3) f32 for x (2,2,2,3) f32, expected (N,2C) "
            "f32");
  EXPECT_NE(message([&] {
              style_stats_forward(stream, empty.view(), stats.mut());
            }).find("samples of (2,0,2,3) f32 are empty"),
            std::string::npos);
  EXPECT_NE(message([&] {
              style_stats_backward(stream, x.view(), stats.view(), stats.view(), narrow.grad());
            }).find("dx is (2,3) f32"),
            std::string::npos);
}

}  // namespace
}  // namespace diptych
