// The kernels of cast and concat against plain code.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/cast/cast_cuda.h"
#include "kernels/cast/cast_ref.h"
#include "kernels/concat/concat_cuda.h"
#include "kernels/concat/concat_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

struct CastStep {
  const char* name;
  void (*run)(CudaStream, View, GradView);
};

constexpr CastStep kCastSteps[] = {{"naive", cast_naive_cuda}, {"vector", cast_vector_cuda}};
constexpr DType kDTypes[] = {DType::kF32, DType::kBF16};

TEST(CastSim, RoundsToTheNearestBf16) {
  for (const CastStep& step : kCastSteps)
    for (const int64_t count : {1, 7, 8, 1027}) {
      DeviceBuffer x({count}, DType::kF32), y({count}, DType::kBF16);
      auto values = random_reals(count, 1);
      values[0] = 1.00390625;  // a tie, to even
      const auto xv = x.set(values);
      step.run(nullptr, x.view(), y.grad());
      for (size_t i = 0; i < xv.size(); ++i)
        ASSERT_EQ(y.fetch().get(i), cast_ref_bf16(xv[i])) << step.name << " " << i;
    }
}

TEST(CastSim, EveryOtherPairIsACopy) {
  for (const CastStep& step : kCastSteps)
    for (const DType from : kDTypes)
      for (const DType to : kDTypes) {
        if (from == DType::kF32 && to == DType::kBF16) continue;
        DeviceBuffer x({1027}, from), y({1027}, to);
        const auto xv = x.set(random_reals(1027, 2));
        step.run(nullptr, x.view(), y.grad());
        EXPECT_TRUE(within(y.fetch(), {xv, xv}, {.exact = true}))
            << step.name << " " << from << " to " << to;
      }
}

TEST(CastSim, Accumulates) {
  for (const CastStep& step : kCastSteps)
    for (const DType from : kDTypes)
      for (const DType to : kDTypes) {
        DeviceBuffer x({1027}, from), y({1027}, to);
        const auto xv = x.set(random_integers(1027, 60, 3)),
                   yv = y.set(random_integers(1027, 60, 4));
        step.run(nullptr, x.view(), y.grad(GradMode::kAccumulate));
        std::vector<double> sum(xv.size());
        for (size_t i = 0; i < sum.size(); ++i) sum[i] = xv[i] + yv[i];
        EXPECT_TRUE(within(y.fetch(), {sum, sum}, {.exact = true}))
            << step.name << " " << from << " to " << to;
      }
}

TEST(CastSim, NanStaysNan) {
  for (const CastStep& step : kCastSteps) {
    DeviceBuffer x({9}, DType::kF32), y({9}, DType::kBF16);
    std::vector<double> values(9, 1.0);
    values[4] = std::numeric_limits<double>::quiet_NaN();
    x.set(values);
    step.run(nullptr, x.view(), y.grad());
    for (size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(y.fetch().get(i)), i == 4) << step.name;
  }
}

class ConcatSim : public ::testing::TestWithParam<DType> {};

TEST_P(ConcatSim, ChannelsStandSideBySide) {
  for (const auto& [rows, ca, cb] :
       std::vector<std::array<int64_t, 3>>{{1, 1, 1}, {35, 3, 1}, {6, 16, 33}, {5, 0, 7}}) {
    DeviceBuffer a({rows, ca}, GetParam()), b({rows, cb}, GetParam()),
        y({rows, ca + cb}, GetParam());
    const auto av = a.set(random_reals(rows * ca, 1)), bv = b.set(random_reals(rows * cb, 2));
    copy_columns_naive_cuda(nullptr, a.view(), {ca, 0}, y.grad(), {ca + cb, 0}, rows, ca);
    copy_columns_naive_cuda(nullptr, b.view(), {cb, 0}, y.grad(), {ca + cb, ca}, rows, cb);
    const auto ref = concat_ref(av, ca, bv, cb, rows);
    EXPECT_TRUE(within(y.fetch(), {ref, ref}, {.exact = true})) << rows << " " << ca << " " << cb;
  }
}

TEST_P(ConcatSim, BackwardTakesTheColumnsBackAndAccumulates) {
  const int64_t rows = 7, ca = 5, cb = 11;
  DeviceBuffer db({rows, cb}, GetParam()), dy({rows, ca + cb}, GetParam());
  const auto dyv = dy.set(random_integers(rows * (ca + cb), 60, 1));
  std::vector<double> ref;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cb; ++c)
      ref.push_back(dyv[static_cast<size_t>(r * (ca + cb) + ca + c)]);
  copy_columns_naive_cuda(nullptr, dy.view(), {ca + cb, ca}, db.grad(), {cb, 0}, rows, cb);
  EXPECT_TRUE(within(db.fetch(), {ref, ref}, {.exact = true}));
  copy_columns_naive_cuda(nullptr, dy.view(), {ca + cb, ca}, db.grad(GradMode::kAccumulate),
                          {cb, 0}, rows, cb);
  for (double& v : ref) v *= 2;
  EXPECT_TRUE(within(db.fetch(), {ref, ref}, {.exact = true}));
}

TEST_P(ConcatSim, ASliceOfTheBatchAndItsBackward) {
  const int64_t n = 5, size = 33, first = 2, count = 2;
  DeviceBuffer x({n, size}, GetParam()), y({count, size}, GetParam()), dx({n, size}, GetParam());
  const auto xv = x.set(random_reals(n * size, 1));
  copy_columns_naive_cuda(nullptr, x.view(), {n * size, first * size}, y.grad(), {count * size, 0},
                          1, count * size);
  const std::vector<double> part(xv.begin() + first * size, xv.begin() + (first + count) * size);
  EXPECT_TRUE(within(y.fetch(), {part, part}, {.exact = true}));
  copy_columns_naive_cuda(nullptr, y.view(), {count * size, 0}, dx.grad(), {n * size, first * size},
                          1, count * size);
  fill_zero_cuda(nullptr, dx.mut(), 0, first * size);
  fill_zero_cuda(nullptr, dx.mut(), (first + count) * size, (n - first - count) * size);
  std::vector<double> ref(xv.size(), 0.0);
  std::copy(part.begin(), part.end(), ref.begin() + first * size);
  EXPECT_TRUE(within(dx.fetch(), {ref, ref}, {.exact = true}));
}

INSTANTIATE_TEST_SUITE_P(Concat,
                         ConcatSim,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

}  // namespace
}  // namespace diptych
