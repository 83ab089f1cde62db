// Tests of x_cos_x.
// SPDX-License-Identifier: MIT
#include "kernels/x_cos_x/x_cos_x.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/x_cos_x/x_cos_x_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

// Sine and cosine are within 2e-7 (3.4 * 2^-24): rounding of r twice and of the polynomial's last
// two steps. The product and the difference add one each.
constexpr double kRoundings = 6;

class XCosXDtype : public ::testing::TestWithParam<DType> {};

std::vector<double> reals_within(int64_t count, double range, uint64_t seed) {
  std::vector<double> values = random_reals(count, seed);
  for (double& v : values) v *= range;
  return values;
}

TEST_P(XCosXDtype, ForwardIsWithinItsBound) {
  Stream stream;
  for (const int64_t count : {1, 7, 1023, 1025, 40001}) {
    for (const double range : {0.8, 10.0, 8192.0, 1e6}) {
      TestBuffer x({count}, GetParam()), y({count}, GetParam());
      const auto xv = x.set(reals_within(count, range, 11));
      x_cos_x_forward(stream, x.view(), y.mut());
      RefTensor ref;
      for (const double v : xv) {
        ref.value.push_back(x_cos_x_ref(v));
        ref.magnitude.push_back(std::abs(v));
      }
      EXPECT_TRUE(within(y, ref, {.c = kRoundings})) << count << " within " << range;
    }
  }
}

TEST_P(XCosXDtype, BackwardIsWithinItsBound) {
  Stream stream;
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    for (const double range : {3.0, 8192.0, 1e6}) {
      const Shape shape{1, 3, 341, 1};
      TestBuffer x(shape, GetParam()), dy(shape, GetParam()), dx(shape, GetParam());
      const auto xv = x.set(reals_within(shape.numel(), range, 12));
      const auto dyv = dy.set(random_reals(shape.numel(), 13));
      const auto before = dx.set(random_reals(shape.numel(), 14));
      x_cos_x_backward(stream, x.view(), dy.view(), dx.grad(mode));
      RefTensor ref;
      for (size_t i = 0; i < xv.size(); ++i) {
        const double old = mode == GradMode::kAccumulate ? before[i] : 0.0;
        ref.value.push_back(x_cos_x_ref_backward(xv[i], dyv[i]) + old);
        ref.magnitude.push_back(std::abs(dyv[i]) * (1 + std::abs(xv[i])) + std::abs(old));
      }
      EXPECT_TRUE(within(dx, ref, {.c = kRoundings + 2})) << range;
    }
  }
}

TEST_P(XCosXDtype, SpecialValues) {
  Stream stream;
  const double inf = std::numeric_limits<double>::infinity();
  TestBuffer x({5}, GetParam()), y({5}, GetParam());
  x.set({0.0, inf, -inf, std::numeric_limits<double>::quiet_NaN(), 1e-20});
  x_cos_x_forward(stream, x.view(), y.mut());
  EXPECT_EQ(y.get(0), 0.0);
  EXPECT_TRUE(std::isnan(y.get(1)));
  EXPECT_TRUE(std::isnan(y.get(2)));
  EXPECT_TRUE(std::isnan(y.get(3)));
  EXPECT_EQ(y.get(4), x.get(4));
}

TEST(XCosX, ReferenceBackwardMatchesFiniteDifferences) {
  const double h = 1e-5;
  for (const double x : {-4.0, -0.3, 0.0, 1.7, 20.0}) {
    const double slope = (x_cos_x_ref(x + h) - x_cos_x_ref(x - h)) / (2 * h);
    EXPECT_NEAR(x_cos_x_ref_backward(x, 1.0), slope, 1e-8) << x;
  }
}

TEST(XCosX, RejectsShapesAndDtypesThatDiffer) {
  Stream stream;
  TestBuffer a({4}, DType::kF32), b({5}, DType::kF32), h({4}, DType::kBF16);
  EXPECT_THROW(x_cos_x_forward(stream, a.view(), h.mut()), Error);
  EXPECT_THROW(x_cos_x_backward(stream, a.view(), b.view(), a.grad()), Error);
  EXPECT_THROW(x_cos_x_backward(stream, a.view(), h.view(), a.grad()), Error);
  try {
    x_cos_x_forward(stream, a.view(), b.mut());
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "x_cos_x_forward: x is (4) f32, y is (5) f32");
  }
}

INSTANTIATE_TEST_SUITE_P(XCosX,
                         XCosXDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

}  // namespace
}  // namespace diptych
