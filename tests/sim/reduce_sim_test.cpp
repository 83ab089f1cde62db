// The kernels of reduce and pixel_norm against their double references.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/pixel_norm/pixel_norm_cuda.h"
#include "kernels/pixel_norm/pixel_norm_ref.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_cuda.h"
#include "kernels/reduce/reduce_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// One row and many, below, at and above a block and a part of two passes.
const std::vector<Shape> kShapes = {{1},         {5},        {3, 7},    {2, 257},
                                    {3, 16, 17}, {1, 16384}, {2, 17001}};

void naive(const RowsProblem& p, View x, GradView y) {
  reduce_rows_naive_cuda(nullptr, p, x, y);
}

void two_pass(const RowsProblem& p, View x, GradView y) {
  const DeviceArray<double> workspace(reduce_rows_workspace(p) / sizeof(double));
  reduce_rows_two_pass_cuda(nullptr, p, x, y, workspace.get());
  simt::synchronize();
}

constexpr decltype(&naive) kSteps[] = {naive, two_pass};

class ReduceSim : public ::testing::TestWithParam<DType> {
 protected:
  template <class Body>
  void for_each_case(const Body& body) {
    for (const auto step : kSteps)
      for (const Shape& shape : kShapes) {
        SCOPED_TRACE(str(shape, step == naive ? " naive" : " two passes"));
        DeviceBuffer x(shape, GetParam()), y({shape[0]}, DType::kF32);
        body(step, RowsProblem{.rows = shape[0], .length = shape.numel() / shape[0]}, x, y);
      }
  }
};

TEST_P(ReduceSim, SumsOfIntegersAreExact) {
  for_each_case([](auto step, RowsProblem p, DeviceBuffer& x, DeviceBuffer& y) {
    const auto xv = x.set(random_integers(x.shape().numel(), 50, 1));
    step(p, x.view(), y.grad());
    EXPECT_TRUE(
        within(y.fetch(), sum_rows_ref(xv, static_cast<size_t>(p.rows), 1), {.exact = true}));
  });
}

TEST_P(ReduceSim, MeansOfRealsAreWithinOneStore) {
  for_each_case([](auto step, RowsProblem p, DeviceBuffer& x, DeviceBuffer& y) {
    p.divisor = static_cast<double>(p.length);
    const auto xv = x.set(random_reals(x.shape().numel(), 2));
    step(p, x.view(), y.grad());
    // The sums are in double: what is left is the store, and 2^-53 * length, below 2^-36.
    EXPECT_TRUE(within(y.fetch(), sum_rows_ref(xv, static_cast<size_t>(p.rows), p.divisor),
                       {.c = 0x1p-12}));
  });
}

TEST_P(ReduceSim, MaxAbsIsExact) {
  for_each_case([](auto step, RowsProblem p, DeviceBuffer& x, DeviceBuffer& y) {
    p.reduction = Reduction::kMaxAbs;
    const auto xv = x.set(random_reals(x.shape().numel(), 3));
    step(p, x.view(), y.grad());
    EXPECT_TRUE(
        within(y.fetch(), max_abs_rows_ref(xv, static_cast<size_t>(p.rows)), {.exact = true}));
  });
}

TEST_P(ReduceSim, SumOfSquaresOfAnArrayAddsUp) {
  for (const auto step : kSteps) {
    DeviceBuffer x({2, 17001}, GetParam()), y({1}, DType::kF32);
    const RowsProblem p{.reduction = Reduction::kSquares, .rows = 1, .length = 34002};
    const double once = sum_of_squares_ref(x.set(random_integers(34002, 10, 4)));
    step(p, x.view(), y.grad());
    EXPECT_EQ(y.fetch().get(0), once);
    step(p, x.view(), y.grad(GradMode::kAccumulate));
    EXPECT_EQ(y.fetch().get(0), 2 * once);
  }
}

TEST_P(ReduceSim, CountsEveryNanAndInfinity) {
  for (const auto step : kSteps) {
    DeviceBuffer x({40000}, GetParam()), y({1}, DType::kF32);
    auto values = random_reals(40000, 5);
    for (const size_t i : {0, 1023, 16383, 39999}) values[i] = kNan;
    values[7] = kInf;
    values[16384] = -kInf;
    x.set(values);
    const RowsProblem p{.reduction = Reduction::kNonFinite, .rows = 1, .length = 40000};
    step(p, x.view(), y.grad());
    EXPECT_EQ(y.fetch().get(0), 6);
  }
}

TEST_P(ReduceSim, CountsWhatASigmoidCannotLeave) {
  for (const auto step : kSteps) {
    DeviceBuffer x({40000}, GetParam()), y({1}, DType::kF32);
    std::vector<double> values(40000, 0.5);
    values[0] = 0, values[1023] = 1, values[16383] = -3, values[39999] = kNan;
    values[7] = kSaturation, values[8] = 1 - double{kSaturation};  // not yet
    x.set(values);
    const RowsProblem p{.reduction = Reduction::kSaturated, .rows = 1, .length = 40000};
    step(p, x.view(), y.grad());
    EXPECT_EQ(y.fetch().get(0), 4);
  }
}

TEST_P(ReduceSim, NanShowsInItsRow) {
  for (const auto step : kSteps)
    for (const Reduction reduction : {Reduction::kSum, Reduction::kMaxAbs, Reduction::kSquares}) {
      DeviceBuffer x({3, 50}, GetParam()), y({3}, DType::kF32);
      auto values = random_reals(150, 7);
      values[60] = kNan;
      x.set(values);
      step({.reduction = reduction, .rows = 3, .length = 50}, x.view(), y.grad());
      for (size_t r = 0; r < 3; ++r) EXPECT_EQ(std::isnan(y.fetch().get(r)), r == 1);
    }
}

TEST_P(ReduceSim, BackwardSpreadsAndAccumulates) {
  const Shape shape{3, 33, 35};
  DeviceBuffer dx(shape, GetParam()), dy({3}, DType::kF32);
  const auto dyv = dy.set({1155, -2310, 3465});
  std::vector<double> ref(3465);
  for (size_t i = 0; i < ref.size(); ++i) ref[i] = dyv[i / 1155] / 1155;
  spread_rows_naive_cuda(nullptr, dy.view(), 1155, dx.grad());
  EXPECT_TRUE(within(dx.fetch(), {ref, ref}, {.exact = true}));
  spread_rows_naive_cuda(nullptr, dy.view(), 1155, dx.grad(GradMode::kAccumulate));
  for (double& r : ref) r *= 2;
  EXPECT_TRUE(within(dx.fetch(), {ref, ref}, {.exact = true}));
}

TEST(ClipScaleSim, FollowsTheNorm) {
  DeviceBuffer s({1}, DType::kF32), y({1}, DType::kF32);
  const auto scale = [&](double squares, float limit) {
    s.set({squares});
    clip_scale_cuda(nullptr, s.view(), limit, y.mut());
    return y.fetch().get(0);
  };
  EXPECT_EQ(scale(0.25, 1.0f), 1.0);
  EXPECT_EQ(scale(1.0, 1.0f), 1.0);
  EXPECT_EQ(scale(16.0, 1.0f), 0.25);
  EXPECT_EQ(scale(16.0, 2.0f), 0.5);
  EXPECT_EQ(scale(kNan, 1.0f), 0.0);
  EXPECT_EQ(scale(kInf, 1.0f), 0.0);
}

// ---- pixel_norm -------------------------------------------------------------------------------

struct NormStep {
  const char* name;
  decltype(&pixel_norm_forward_naive_cuda) forward;
  decltype(&pixel_norm_backward_naive_cuda) backward;
};

constexpr NormStep kNormSteps[] = {
    {"naive", pixel_norm_forward_naive_cuda, pixel_norm_backward_naive_cuda},
    {"block", pixel_norm_forward_block_cuda, pixel_norm_backward_block_cuda}};

const std::vector<Shape> kNormShapes = {{1, 1}, {3, 7}, {2, 1023}, {2, 5, 5, 41}};

std::vector<double> sample(const std::vector<double>& all, size_t s, size_t length) {
  return {all.begin() + static_cast<std::ptrdiff_t>(s * length),
          all.begin() + static_cast<std::ptrdiff_t>((s + 1) * length)};
}

class PixelNormSim : public ::testing::TestWithParam<DType> {};

TEST_P(PixelNormSim, ForwardIsWithinItsBound) {
  for (const NormStep& step : kNormSteps)
    for (const Shape& shape : kNormShapes) {
      SCOPED_TRACE(step.name + str(" ", shape));
      DeviceBuffer x(shape, GetParam()), y(shape, GetParam()), r({shape[0]}, DType::kF32);
      const auto xv = x.set(random_reals(shape.numel(), 1));
      step.forward(nullptr, x.view(), y.mut(), r.mut());
      RefTensor ref, inverse;
      const auto samples = static_cast<size_t>(shape[0]), length = xv.size() / samples;
      for (size_t s = 0; s < samples; ++s) {
        for (const double v : pixel_norm_ref(sample(xv, s, length))) {
          ref.value.push_back(v);
          ref.magnitude.push_back(std::abs(v));
        }
        inverse.value.push_back(pixel_norm_ref_inverse(sample(xv, s, length)));
      }
      inverse.magnitude = inverse.value;
      EXPECT_TRUE(within(y.fetch(), ref, {.c = 2}));  // r is rounded once, the product once
      EXPECT_TRUE(within(r.fetch(), inverse, {.c = 0x1p-12}));  // one store; sums are in double
    }
}

TEST_P(PixelNormSim, BackwardIsWithinItsBound) {
  for (const NormStep& step : kNormSteps)
    for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate})
      for (const Shape& shape : kNormShapes) {
        SCOPED_TRACE(step.name + str(" ", shape));
        DeviceBuffer x(shape, GetParam()), y(shape, GetParam()), dy(shape, GetParam()),
            dx(shape, GetParam()), r({shape[0]}, DType::kF32);
        const auto xv = x.set(random_reals(shape.numel(), 1));
        const auto dyv = dy.set(random_reals(shape.numel(), 2));
        const auto before = dx.set(random_reals(shape.numel(), 3));
        step.forward(nullptr, x.view(), y.mut(), r.mut());
        step.backward(nullptr, x.view(), r.view(), dy.view(), dx.grad(mode));
        RefTensor ref;
        const auto samples = static_cast<size_t>(shape[0]), length = xv.size() / samples;
        for (size_t s = 0; s < samples; ++s)
          for (const double v : pixel_norm_ref_backward(sample(xv, s, length),
                                                        sample(dyv, s, length), &ref.magnitude))
            ref.value.push_back(v);
        for (size_t i = 0; mode == GradMode::kAccumulate && i < before.size(); ++i) {
          ref.value[i] += before[i];
          ref.magnitude[i] += std::abs(before[i]);
        }
        // r three times, b, two products, the sum, the accumulation.
        EXPECT_TRUE(within(dx.fetch(), ref, {.c = 8}));
      }
}

TEST_P(PixelNormSim, ForwardMayOverwriteItsInput) {
  for (const NormStep& step : kNormSteps) {
    DeviceBuffer x({2, 1023}, GetParam()), y({2, 1023}, GetParam()), r({2}, DType::kF32);
    x.set(random_reals(2046, 1));
    step.forward(nullptr, x.view(), y.mut(), r.mut());
    step.forward(nullptr, x.view(), x.mut(), r.mut());
    for (size_t i = 0; i < 2046; ++i) ASSERT_EQ(x.fetch().get(i), y.fetch().get(i)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Reduce,
                         ReduceSim,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);
INSTANTIATE_TEST_SUITE_P(PixelNorm,
                         PixelNormSim,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

}  // namespace
}  // namespace diptych
