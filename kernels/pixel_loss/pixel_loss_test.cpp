// Tests of pixel_loss. Backwards are checked against central differences of the double reference.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss.h"

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/pixel_loss/pixel_loss_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

const Shape kShapes[] = {{1, 1, 1, 1}, {2, 5, 7, 3}, {3, 16, 33, 3}, {1, 40, 41, 1}, {2, 3, 2, 5}};

RefSample sample_of(const std::vector<double>& values, int64_t n, int64_t count) {
  return {values.begin() + n * count, values.begin() + (n + 1) * count};
}

RefSample spread(const std::vector<double>& mask, int64_t n, int64_t pixels, int64_t channels) {
  RefSample out;
  for (int64_t i = 0; i < pixels * channels; ++i)
    out.push_back(mask[static_cast<size_t>(n * pixels + i / channels)]);
  return out;
}

struct Case {
  explicit Case(Shape s)
      : shape(s),
        n(s[0]),
        values(s.numel() / n),
        pixels(values / s.last()),
        target(s, DType::kF32),
        prediction(s, DType::kF32),
        mask({s[0], s[1], s[2], 1}, DType::kF32),
        loss({n}, DType::kF32),
        dloss({n}, DType::kF32),
        dx(s, DType::kF32) {
    t = target.set(random_reals(s.numel(), 1));
    p = prediction.set(random_reals(s.numel(), 2));
    m = mask.set(random_reals(n * pixels, 3));
    d = dloss.set(random_reals(n, 4));
  }

  RefSample mask_of(int64_t i, bool masked) const {
    return masked ? spread(m, i, pixels, shape.last())
                  : RefSample(static_cast<size_t>(values), 1.0);
  }

  Shape shape;
  int64_t n, values, pixels;
  TestBuffer target, prediction, mask, loss, dloss, dx;
  std::vector<double> t, p, m, d;
  Stream stream;
};

using Forward = void (*)(Stream&, View, View, View, MutView);
using Backward = void (*)(Stream&, View, View, View, View, GradView);
using Ref = double (*)(const RefSample&, const RefSample&, const RefSample&);

struct ErrorOp {
  const char* name;
  Forward forward;
  Backward backward;
  Ref ref;
};

class PixelError : public ::testing::TestWithParam<ErrorOp> {};

TEST_P(PixelError, ForwardMatchesTheReference) {
  for (const Shape& shape : kShapes) {
    for (const bool masked : {false, true}) {
      Case c(shape);
      GetParam().forward(c.stream, c.target.view(), c.prediction.view(),
                         masked ? c.mask.view() : View{}, c.loss.mut());
      RefTensor ref;
      for (int64_t i = 0; i < c.n; ++i) {
        ref.value.push_back(GetParam().ref(sample_of(c.t, i, c.values), sample_of(c.p, i, c.values),
                                           c.mask_of(i, masked)));
      }
      ref.magnitude = ref.value;  // all terms are positive
      EXPECT_TRUE(within(c.loss, ref, {.c = 1}))
          << shape << masked;  // sums are in double: one rounding at the store
    }
  }
}

TEST_P(PixelError, BackwardMatchesDifferencesOfTheReference) {
  for (const Shape& shape : kShapes) {
    for (const bool masked : {false, true}) {
      Case c(shape);
      GetParam().backward(c.stream, c.target.view(), c.prediction.view(),
                          masked ? c.mask.view() : View{}, c.dloss.view(), c.dx.grad());
      for (int64_t i = 0; i < c.n; ++i) {
        const RefSample t = sample_of(c.t, i, c.values), m = c.mask_of(i, masked);
        RefSample p = sample_of(c.p, i, c.values);
        for (size_t j = 0; j < p.size(); j += 1 + p.size() / 40) {
          const double at = p[j], h = 1e-6;
          p[j] = at + h;
          const double up = GetParam().ref(t, p, m);
          p[j] = at - h;
          const double down = GetParam().ref(t, p, m);
          p[j] = at;
          const double expected = c.d[static_cast<size_t>(i)] * (up - down) / (2 * h);
          // f32 arithmetic of a handful of factors, and the 1e-9 of the difference.
          EXPECT_NEAR(c.dx.get(static_cast<size_t>(i * c.values) + j), expected,
                      1e-6 * std::abs(expected) + 2e-9);
        }
      }
      EXPECT_TRUE(c.dx.guards_intact());
    }
  }
}

TEST_P(PixelError, BackwardAccumulates) {
  Case once({2, 5, 7, 3}), twice({2, 5, 7, 3});
  GetParam().backward(once.stream, once.target.view(), once.prediction.view(), {},
                      once.dloss.view(), once.dx.grad());
  for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
    GetParam().backward(twice.stream, twice.target.view(), twice.prediction.view(), {},
                        twice.dloss.view(), twice.dx.grad(mode));
  }
  for (size_t i = 0; i < 210; ++i) EXPECT_EQ(twice.dx.get(i), 2 * once.dx.get(i));
}

TEST_P(PixelError, ANanShowsInTheSampleThatHasIt) {
  Case c({3, 5, 7, 3});
  std::vector<double> p = c.p;
  p[static_cast<size_t>(c.values) + 11] = std::numeric_limits<double>::quiet_NaN();
  c.prediction.set(p);
  GetParam().forward(c.stream, c.target.view(), c.prediction.view(), {}, c.loss.mut());
  GetParam().backward(c.stream, c.target.view(), c.prediction.view(), {}, c.dloss.view(),
                      c.dx.grad());
  EXPECT_FALSE(std::isnan(c.loss.get(0)));
  EXPECT_TRUE(std::isnan(c.loss.get(1)));
  EXPECT_TRUE(std::isnan(c.dx.get(static_cast<size_t>(c.values) + 11)));
}

TEST_P(PixelError, RefusesShapesThatDoNotFit) {
  Case c({2, 5, 7, 3}), other({2, 5, 6, 3});
  EXPECT_THROW(
      GetParam().forward(c.stream, c.target.view(), other.prediction.view(), {}, c.loss.mut()),
      Error);
  EXPECT_THROW(GetParam().forward(c.stream, c.target.view(), c.prediction.view(), other.mask.view(),
                                  c.loss.mut()),
               Error);
  TestBuffer wrong({3}, DType::kF32);
  EXPECT_THROW(GetParam().forward(c.stream, c.target.view(), c.prediction.view(), {}, wrong.mut()),
               Error);
}

INSTANTIATE_TEST_SUITE_P(Errors,
                         PixelError,
                         ::testing::Values(ErrorOp{"squared", squared_error_forward,
                                                   squared_error_backward, squared_error_ref},
                                           ErrorOp{"absolute", absolute_error_forward,
                                                   absolute_error_backward, absolute_error_ref}),
                         [](const auto& test) { return test.param.name; });

TEST(AbsoluteError, TheSlopeAtZeroIsZero) {
  Case c({1, 2, 2, 3});
  absolute_error_backward(c.stream, c.target.view(), c.target.view(), {}, c.dloss.view(),
                          c.dx.grad());
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(c.dx.get(i), 0.0);
}

TEST(MulMask, IsExactAndItsOwnAdjoint) {
  for (const Shape& shape : kShapes) {
    Case c(shape);
    const std::vector<double> x = c.prediction.set(random_integers(shape.numel(), 50, 5));
    const std::vector<double> m = c.mask.set(random_integers(c.n * c.pixels, 9, 6));
    const std::vector<double> dy = c.target.set(random_integers(shape.numel(), 50, 7));
    TestBuffer y(shape, DType::kF32);
    mul_mask_forward(c.stream, c.prediction.view(), c.mask.view(), y.mut());
    mul_mask_backward(c.stream, c.target.view(), c.mask.view(), c.dx.grad());
    double left = 0, right = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(y.get(i), x[i] * m[i / static_cast<size_t>(shape.last())]) << shape << ' ' << i;
      left += y.get(i) * dy[i];
      right += x[i] * c.dx.get(i);
    }
    EXPECT_EQ(left, right) << shape;
    EXPECT_TRUE(y.guards_intact());
  }
}

TEST(Bce, MatchesTheReferenceAndStaysFiniteFarOut) {
  Case c({2, 4, 5, 1});
  std::vector<double> labels(40);
  for (size_t i = 0; i < 40; ++i) labels[i] = i % 3 == 0;
  const std::vector<double> q = c.target.set(labels);
  bce_logits_forward(c.stream, c.prediction.view(), c.target.view(), c.loss.mut());
  bce_logits_backward(c.stream, c.prediction.view(), c.target.view(), c.dloss.view(), c.dx.grad());
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(c.loss.get(static_cast<size_t>(i)),
                bce_logits_ref(sample_of(c.p, i, 20), sample_of(q, i, 20)), 1e-7);
    for (size_t j = 0; j < 20; ++j) {
      const size_t at = static_cast<size_t>(i) * 20 + j;
      const double slope =
          (1 / (1 + std::exp(-c.p[at])) - q[at]) / 20 * c.d[static_cast<size_t>(i)];
      EXPECT_NEAR(c.dx.get(at), slope, 1e-8);
    }
  }
  TestBuffer far({1, 2}, DType::kF32), loss({1}, DType::kF32);
  far.set({200.0, -200.0});
  bce_logits_forward(c.stream, far.view(), 1.0f, loss.mut());
  EXPECT_NEAR(loss.get(0), 100.0, 1e-4);
}

// h(j,1) of spec networks.md 11 as a 64x64 picture, channels outermost there.
TEST(TotalVariation, MatchesTheTestVectors) {
  std::vector<double> picture(64 * 64 * 3);
  for (uint32_t c = 0; c < 3; ++c) {
    for (uint32_t i = 0; i < 64 * 64; ++i) {
      uint32_t u = (c * 64 * 64 + i) * 2654435761u + 1013904223u + 1u;
      u ^= u >> 15;
      u *= 2246822519u;
      u ^= u >> 13;
      picture[3 * i + c] = u / 4294967296.0;
    }
  }
  Stream stream;
  TestBuffer x({1, 64, 64, 3}, DType::kF32), loss({1}, DType::kF32);
  x.set(picture);
  total_variation_forward(stream, TotalVariation::kRowsAndChannels, x.view(), loss.mut());
  EXPECT_NEAR(loss.get(0), 3367.60, 0.01);
  total_variation_forward(stream, TotalVariation::kRowsAndColumns, x.view(), loss.mut());
  EXPECT_NEAR(loss.get(0), 4040.48, 0.01);
}

TEST(TotalVariation, BackwardMatchesDifferencesOfTheReference) {
  for (const bool columns : {true, false}) {
    Case c({2, 5, 4, 3});
    const TotalVariation form =
        columns ? TotalVariation::kRowsAndColumns : TotalVariation::kRowsAndChannels;
    total_variation_backward(c.stream, form, c.prediction.view(), c.dloss.view(), c.dx.grad());
    for (int64_t n = 0; n < 2; ++n) {
      RefSample x = sample_of(c.p, n, 60);
      for (size_t j = 0; j < 60; ++j) {
        const double at = x[j], h = 1e-5;
        x[j] = at + h;
        const double up = total_variation_ref(x, 5, 4, 3, columns);
        x[j] = at - h;
        const double down = total_variation_ref(x, 5, 4, 3, columns);
        x[j] = at;
        EXPECT_NEAR(c.dx.get(static_cast<size_t>(n) * 60 + j),
                    c.d[static_cast<size_t>(n)] * (up - down) / (2 * h), 5e-6);
      }
    }
  }
}

}  // namespace
}  // namespace diptych
