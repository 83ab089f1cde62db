// Tests of cast.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/cast/cast_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

const std::vector<double> kHard = {0.0,
                                   1.0 + 0x1p-8,            // tie, even below
                                   1.0 + 3 * 0x1p-8,        // tie, even above
                                   1.0 + 0x1p-8 + 0x1p-23,  // just above a tie
                                   -(1.0 + 0x1p-8),
                                   0x1p-126,
                                   0x1p-133,  // smallest bf16
                                   0x1.8p-134,
                                   3.4028234663852886e38,  // largest f32 rounds to infinity
                                   -3.4028234663852886e38,
                                   3.3895313892515355e38};  // largest bf16

TEST(Cast, ToBf16RoundsToNearestEven) {
  Stream stream;
  for (const int64_t count : {1, 17, 1023, 1025, 70001}) {
    std::vector<double> values = random_reals(count, 3);
    for (size_t i = 0; i < std::min(values.size(), kHard.size()); ++i) values[i] = kHard[i];
    TestBuffer x({count}, DType::kF32), y({count}, DType::kBF16);
    const std::vector<double> stored = x.set(values);
    cast(stream, x.view(), y.mut());
    for (size_t i = 0; i < stored.size(); ++i)
      ASSERT_EQ(y.get(i), cast_ref_bf16(stored[i])) << "element " << i << " is " << stored[i];
    ASSERT_TRUE(y.guards_intact());
  }
}

TEST(Cast, ToF32IsExact) {
  Stream stream;
  TestBuffer x({3, 341}, DType::kBF16), y({3, 341}, DType::kF32);
  const std::vector<double> stored = x.set(random_reals(3 * 341, 4));
  cast(stream, x.view(), y.mut());
  EXPECT_TRUE(within(y, {stored, stored}, {.exact = true}));
}

TEST(Cast, SameDtypeCopiesBits) {
  Stream stream;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    TestBuffer x({1029}, dtype), y({1029}, dtype);
    const std::vector<double> stored = x.set(random_reals(1029, 5));
    cast(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, {stored, stored}, {.exact = true}));
  }
}

TEST(Cast, KeepsNanAndInfinity) {
  Stream stream;
  const double inf = std::numeric_limits<double>::infinity();
  TestBuffer x({20}, DType::kF32), y({20}, DType::kBF16), z({20}, DType::kF32);
  std::vector<double> values(20, 1.0);
  values[3] = std::numeric_limits<double>::quiet_NaN();
  values[4] = inf;
  values[5] = -inf;
  x.set(values);
  const uint32_t low_nan = 0x7f800001u;  // a NaN whose payload is only in the dropped half
  std::memcpy(static_cast<float*>(x.data()) + 6, &low_nan, 4);
  cast(stream, x.view(), y.mut());
  cast(stream, y.view(), z.mut());
  EXPECT_TRUE(std::isnan(z.get(3)));
  EXPECT_EQ(z.get(4), inf);
  EXPECT_EQ(z.get(5), -inf);
  EXPECT_TRUE(std::isnan(z.get(6)));
}

TEST(Cast, BackwardAccumulatesOrOverwritesForEveryPair) {
  Stream stream;
  const int64_t count = 1100;
  for (const DType from : {DType::kF32, DType::kBF16}) {
    for (const DType to : {DType::kF32, DType::kBF16}) {
      TestBuffer dy({count}, from), dx({count}, to);
      const std::vector<double> a = dy.set(random_integers(count, 50, 6));
      std::vector<double> sum = dx.set(random_integers(count, 50, 7));
      cast_backward(stream, dy.view(), dx.grad(GradMode::kAccumulate));
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += a[i];
      EXPECT_TRUE(within(dx, {sum, sum}, {.exact = true}));
      cast_backward(stream, dy.view(), dx.grad());
      EXPECT_TRUE(within(dx, {a, a}, {.exact = true}));
    }
  }
}

TEST(Cast, RejectsDifferentShapes) {
  Stream stream;
  TestBuffer x({4}, DType::kF32), y({5}, DType::kBF16);
  try {
    cast(stream, x.view(), y.mut());
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "cast: x is (4) f32, y is (5) bf16");
  }
  EXPECT_THROW(cast_backward(stream, x.view(), y.grad()), Error);
}

}  // namespace
}  // namespace diptych
