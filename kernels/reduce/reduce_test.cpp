// Tests of reduce.
// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/reduce/reduce_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<Shape> kShapes = {{1},       {5},         {1, 1},         {3, 7},
                                    {2, 1025}, {3, 16, 17}, {2, 33, 35, 3}, {1, 70001}};

class ReduceDtype : public ::testing::TestWithParam<DType> {};

TEST_P(ReduceDtype, SumsOfIntegersAreExact) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, GetParam()), y({shape[0]}, DType::kF32);
    const auto xv = x.set(random_integers(shape.numel(), 50, 1));
    sum_rows_forward(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, sum_rows_ref(xv, static_cast<size_t>(shape[0]), 1), {.exact = true}))
        << shape;
  }
}

TEST_P(ReduceDtype, SumsAndMeansOfRealsAreWithinOneStore) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, GetParam()), y({shape[0]}, DType::kF32);
    const auto xv = x.set(random_reals(shape.numel(), 2));
    const auto rows = static_cast<size_t>(shape[0]);
    const double length = static_cast<double>(shape.numel() / shape[0]);
    // The sums are in double: what is left is the store, and 2^-53 * length, below 2^-36.
    sum_rows_forward(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, sum_rows_ref(xv, rows, 1), {.c = 0x1p-12})) << shape;
    mean_rows_forward(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, sum_rows_ref(xv, rows, length), {.c = 0x1p-12})) << shape;
  }
}

TEST_P(ReduceDtype, SumBackwardSpreadsAndAccumulates) {
  Stream stream;
  const Shape shape{3, 33, 35};
  TestBuffer dx(shape, GetParam()), dy({3}, DType::kF32);
  dy.set({1, -2, 3});
  std::vector<double> ref(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < ref.size(); ++i) ref[i] = dy.get(i / 1155);
  sum_rows_backward(stream, dy.view(), dx.grad());
  EXPECT_TRUE(within(dx, {ref, ref}, {.exact = true}));
  sum_rows_backward(stream, dy.view(), dx.grad(GradMode::kAccumulate));
  for (double& r : ref) r *= 2;
  EXPECT_TRUE(within(dx, {ref, ref}, {.exact = true}));
}

TEST_P(ReduceDtype, MeanBackwardDividesByTheLength) {
  Stream stream;
  const Shape shape{2, 4, 4, 2};
  TestBuffer dx(shape, GetParam()), dy({2}, DType::kF32);
  dy.set({64, -32});
  std::vector<double> ref(64);
  for (size_t i = 0; i < 64; ++i) ref[i] = i < 32 ? 2 : -1;
  mean_rows_backward(stream, dy.view(), dx.grad());
  EXPECT_TRUE(within(dx, {ref, ref}, {.exact = true}));
}

TEST_P(ReduceDtype, MaxAbsIsExact) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, GetParam()), y({shape[0]}, DType::kF32);
    const auto xv = x.set(random_reals(shape.numel(), 3));
    max_abs_rows(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, max_abs_rows_ref(xv, static_cast<size_t>(shape[0])), {.exact = true}))
        << shape;
  }
}

TEST_P(ReduceDtype, SumOfSquaresIsExactForIntegersAndAddsUp) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, GetParam()), y({1}, DType::kF32);
    const double once = sum_of_squares_ref(x.set(random_integers(shape.numel(), 10, 4)));
    sum_of_squares(stream, x.view(), y.grad());
    EXPECT_EQ(y.get(0), once) << shape;
    sum_of_squares(stream, x.view(), y.grad(GradMode::kAccumulate));
    EXPECT_EQ(y.get(0), 2 * once) << shape;
  }
}

TEST_P(ReduceDtype, CountsEveryNanAndInfinity) {
  Stream stream;
  TestBuffer x({40000}, GetParam()), y({1}, DType::kF32);
  auto values = random_reals(40000, 5);
  for (const size_t i : {0, 1023, 16383, 39999}) values[i] = kNan;
  for (const size_t i : {7, 16384}) values[i] = i == 7 ? kInf : -kInf;
  x.set(values);
  count_non_finite(stream, x.view(), y.grad());
  EXPECT_EQ(y.get(0), 6);
  count_non_finite(stream, x.view(), y.grad(GradMode::kAccumulate));
  EXPECT_EQ(y.get(0), 12);
}

TEST_P(ReduceDtype, CountsWhatASigmoidCannotLeave) {
  Stream stream;
  TestBuffer x({20000}, GetParam()), y({1}, DType::kF32);
  std::vector<double> values(20000, 0.5);
  for (const size_t i : {0, 1, 2, 3}) values[i] = i % 2;         // saturated
  values[1023] = -1, values[16384] = 2, values[19999] = kNan;    // saturated
  values[7] = kSaturation, values[8] = 1 - double{kSaturation};  // not yet
  x.set(values);
  count_saturated(stream, x.view(), y.grad());
  EXPECT_EQ(y.get(0), 7);
  count_saturated(stream, x.view(), y.grad(GradMode::kAccumulate));
  EXPECT_EQ(y.get(0), 14);
}

INSTANTIATE_TEST_SUITE_P(Reduce,
                         ReduceDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST(Reduce, SumOfSquaresIsTheSameForAnyThreadCount) {
  TestBuffer x({300007}, DType::kF32), a({1}, DType::kF32), b({1}, DType::kF32);
  x.set(random_reals(300007, 6));
  Stream one(Engine::kCpu, 1);
  sum_of_squares(one, x.view(), a.grad());
  Stream three(Engine::kCpu, 3);
  sum_of_squares(three, x.view(), b.grad());
  EXPECT_EQ(a.get(0), b.get(0));
}

TEST(Reduce, NanShowsInItsRow) {
  Stream stream;
  TestBuffer x({3, 50}, DType::kF32), y({3}, DType::kF32), s({1}, DType::kF32);
  auto values = random_reals(150, 7);
  values[60] = kNan;
  x.set(values);
  sum_rows_forward(stream, x.view(), y.mut());
  for (size_t r = 0; r < 3; ++r) EXPECT_EQ(std::isnan(y.get(r)), r == 1);
  max_abs_rows(stream, x.view(), y.mut());
  for (size_t r = 0; r < 3; ++r) EXPECT_EQ(std::isnan(y.get(r)), r == 1);
  sum_of_squares(stream, x.view(), s.grad());
  EXPECT_TRUE(std::isnan(s.get(0)));
}

TEST(Reduce, ClipScaleFollowsTheNorm) {
  Stream stream;
  TestBuffer s({1}, DType::kF32), y({1}, DType::kF32);
  const auto scale = [&](double squares, float limit) {
    s.set({squares});
    clip_scale(stream, s.view(), limit, y.mut());
    return y.get(0);
  };
  EXPECT_EQ(scale(0.25, 1.0f), 1.0);
  EXPECT_EQ(scale(1.0, 1.0f), 1.0);
  EXPECT_EQ(scale(16.0, 1.0f), 0.25);
  EXPECT_EQ(scale(16.0, 2.0f), 0.5);
  EXPECT_EQ(scale(kNan, 1.0f), 0.0);
  EXPECT_EQ(scale(kInf, 1.0f), 0.0);
}

TEST(Reduce, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer x({3, 4}, DType::kF32), y({4}, DType::kF32), half({3}, DType::kBF16),
      empty({3, 0}, DType::kF32), three({3}, DType::kF32), one({1}, DType::kF32);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([&] { sum_rows_forward(stream, x.view(), y.mut()); }),
            "sum_rows_forward: rows of (3,4) f32 give one value each, the other side is (4) f32");
  EXPECT_EQ(message([&] { sum_rows_forward(stream, x.view(), half.mut()); }),
            "sum_rows_forward: values per row are f32, got (3) bf16");
  EXPECT_EQ(message([&] { mean_rows_forward(stream, empty.view(), three.mut()); }),
            "mean_rows_forward: rows of (3,0) are empty");
  EXPECT_EQ(message([&] { sum_of_squares(stream, x.view(), three.grad()); }),
            "sum_of_squares: the result is (1) f32, got (3) f32");
  EXPECT_EQ(message([&] { count_non_finite(stream, x.view(), three.grad()); }),
            "count_non_finite: the result is (1) f32, got (3) f32");
  EXPECT_EQ(message([&] { clip_scale(stream, one.view(), 0, one.mut()); }),
            "clip_scale: limit = 0, expected above 0");
  EXPECT_NE(message([&] { mean_rows_backward(stream, y.view(), x.grad()); }), "accepted");
  EXPECT_NE(message([&] { sum_rows_backward(stream, y.view(), x.grad()); }), "accepted");
  EXPECT_NE(message([&] { max_abs_rows(stream, x.view(), y.mut()); }), "accepted");
}

}  // namespace
}  // namespace diptych
