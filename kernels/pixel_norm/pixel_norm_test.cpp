// Tests of pixel_norm.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_norm/pixel_norm.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/pixel_norm/pixel_norm_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

const std::vector<Shape> kShapes = {{1, 1}, {1, 7}, {3, 1023}, {2, 1025}, {2, 3, 5, 7}, {4}};

std::vector<double> sample(const std::vector<double>& all, size_t s, size_t length) {
  return {all.begin() + static_cast<std::ptrdiff_t>(s * length),
          all.begin() + static_cast<std::ptrdiff_t>((s + 1) * length)};
}

class PixelNormDtype : public ::testing::TestWithParam<DType> {};

TEST_P(PixelNormDtype, ForwardIsWithinItsBound) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, GetParam()), y(shape, GetParam()), r({shape[0]}, DType::kF32);
    const auto xv = x.set(random_reals(shape.numel(), 1));
    pixel_norm_forward(stream, x.view(), y.mut(), r.mut());
    RefTensor ref, inverse;
    const auto samples = static_cast<size_t>(shape[0]), length = xv.size() / samples;
    for (size_t s = 0; s < samples; ++s) {
      for (const double v : pixel_norm_ref(sample(xv, s, length))) ref.value.push_back(v);
      inverse.value.push_back(pixel_norm_ref_inverse(sample(xv, s, length)));
    }
    ref.magnitude = ref.value;
    for (double& m : ref.magnitude) m = std::abs(m);
    inverse.magnitude = inverse.value;
    EXPECT_TRUE(within(y, ref, {.c = 2})) << shape;  // r is rounded once, the product once
    EXPECT_TRUE(within(r, inverse, {.c = 0x1p-12})) << shape;  // one store; sums are in double
  }
}

TEST_P(PixelNormDtype, BackwardIsWithinItsBound) {
  Stream stream;
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    for (const Shape& shape : kShapes) {
      TestBuffer x(shape, GetParam()), dy(shape, GetParam()), dx(shape, GetParam());
      TestBuffer y(shape, GetParam()), r({shape[0]}, DType::kF32);
      const auto xv = x.set(random_reals(shape.numel(), 1));
      const auto dyv = dy.set(random_reals(shape.numel(), 2));
      const auto before = dx.set(random_reals(shape.numel(), 3));
      pixel_norm_forward(stream, x.view(), y.mut(), r.mut());
      pixel_norm_backward(stream, x.view(), r.view(), dy.view(), dx.grad(mode));
      RefTensor ref;
      const auto samples = static_cast<size_t>(shape[0]), length = xv.size() / samples;
      for (size_t s = 0; s < samples; ++s)
        for (const double v :
             pixel_norm_ref_backward(sample(xv, s, length), sample(dyv, s, length), &ref.magnitude))
          ref.value.push_back(v);
      for (size_t i = 0; mode == GradMode::kAccumulate && i < before.size(); ++i) {
        ref.value[i] += before[i];
        ref.magnitude[i] += std::abs(before[i]);
      }
      // r three times, b, two products, the sum, the accumulation.
      EXPECT_TRUE(within(dx, ref, {.c = 8})) << shape;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PixelNorm,
                         PixelNormDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST(PixelNorm, OutputHasUnitMeanSquare) {
  Stream stream;
  TestBuffer x({1, 4}, DType::kF32), y({1, 4}, DType::kF32), r({1}, DType::kF32);
  x.set({3000, -3000, 3000, 3000});
  pixel_norm_forward(stream, x.view(), y.mut(), r.mut());
  for (size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(static_cast<float>(y.get(i)), i == 1 ? -1 : 1);
}

TEST(PixelNorm, ZeroSampleStaysZero) {
  Stream stream;
  TestBuffer x({1, 5}, DType::kF32), y({1, 5}, DType::kF32), r({1}, DType::kF32);
  x.set({0, 0, 0, 0, 0});
  pixel_norm_forward(stream, x.view(), y.mut(), r.mut());
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(y.get(i), 0.0);
  EXPECT_FLOAT_EQ(static_cast<float>(r.get(0)), 1000.0f);
}

TEST(PixelNorm, NanShowsInItsSampleOnly) {
  Stream stream;
  TestBuffer x({3, 5}, DType::kF32), y({3, 5}, DType::kF32), r({3}, DType::kF32);
  auto values = random_reals(15, 1);
  values[7] = std::numeric_limits<double>::quiet_NaN();
  x.set(values);
  pixel_norm_forward(stream, x.view(), y.mut(), r.mut());
  for (size_t i = 0; i < 15; ++i) EXPECT_EQ(std::isnan(y.get(i)), i / 5 == 1);
}

TEST(PixelNorm, ReferenceBackwardMatchesFiniteDifferences) {
  const std::vector<double> x = {0.3, -1.2, 0.7, 0.05}, dy = {1.0, 0.4, -0.6, 2.0};
  const auto dx = pixel_norm_ref_backward(x, dy, nullptr);
  const double h = 1e-6;
  for (size_t i = 0; i < x.size(); ++i) {
    auto up = x, down = x;
    up[i] += h;
    down[i] -= h;
    const auto a = pixel_norm_ref(up), b = pixel_norm_ref(down);
    double slope = 0;
    for (size_t j = 0; j < x.size(); ++j) slope += dy[j] * (a[j] - b[j]) / (2 * h);
    EXPECT_NEAR(dx[i], slope, 1e-8) << i;
  }
}

TEST(PixelNorm, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer x({2, 4}, DType::kF32), y({2, 5}, DType::kF32), r({2}, DType::kF32),
      one({1}, DType::kF32), empty({2, 0}, DType::kF32);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(
      message([&] { pixel_norm_forward(stream, x.view(), y.mut(), r.mut()); }),
      "pixel_norm_forward: expected one shape (N,...) and dtype, got (2,4) f32 and (2,5) f32");
  EXPECT_EQ(message([&] { pixel_norm_forward(stream, x.view(), x.mut(), one.mut()); }),
            "pixel_norm_forward: inverse_norm is (1) f32 for x (2,4) f32, expected (N) f32");
  EXPECT_NE(message([&] { pixel_norm_forward(stream, empty.view(), empty.mut(), r.mut()); }),
            "accepted");
  EXPECT_NE(message([&] { pixel_norm_backward(stream, x.view(), r.view(), y.view(), x.grad()); }),
            "accepted");
  EXPECT_EQ(message([&] { pixel_norm_backward(stream, x.view(), r.view(), x.view(), x.grad()); }),
            "pixel_norm_backward: dx must not be x");
}

}  // namespace
}  // namespace diptych
