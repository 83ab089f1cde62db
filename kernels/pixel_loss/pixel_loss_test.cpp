// Tests of pixel_loss.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/pixel_loss/pixel_loss_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<Shape> kShapes = {{1, 1, 1, 1}, {1, 3, 5, 3},   {2, 7, 9, 1},
                                    {3, 1, 4, 2}, {2, 33, 31, 3}, {1, 90, 71, 3}};

Shape mask_shape(const Shape& s) {
  return {s[0], s[1], s[2], 1};
}

// Scales each sample's gradient by dloss, and adds what was there.
RefTensor upstream(const RefTensor& gradient,
                   const std::vector<double>& dloss,
                   const std::vector<double>& before) {
  RefTensor r = gradient;
  const size_t length = r.value.size() / dloss.size();
  for (size_t i = 0; i < r.value.size(); ++i) {
    const double old = before.empty() ? 0.0 : before[i];
    r.value[i] = r.value[i] * dloss[i / length] + old;
    r.magnitude[i] = r.magnitude[i] * std::abs(dloss[i / length]) + std::abs(old);
  }
  return r;
}

// squared or absolute, masked or not
class PixelErrorKind : public ::testing::TestWithParam<std::pair<int, bool>> {
 protected:
  int power() const { return GetParam().first; }

  View mask(const TestBuffer& m) const { return GetParam().second ? m.view() : View{}; }

  std::vector<double> mask_values(const std::vector<double>& m) const {
    return GetParam().second ? m : std::vector<double>{};
  }

  void forward(View t, View p, View m, MutView loss) {
    const auto call = power() == 2 ? squared_error_forward : absolute_error_forward;
    call(stream_, t, p, m, loss);
  }

  void backward(View t, View p, View m, View dloss, GradView dp) {
    const auto call = power() == 2 ? squared_error_backward : absolute_error_backward;
    call(stream_, t, p, m, dloss, dp);
  }

  Stream stream_;
};

TEST_P(PixelErrorKind, ForwardIsWithinItsBound) {
  for (const Shape& s : kShapes) {
    TestBuffer t(s, DType::kF32), p(s, DType::kF32), m(mask_shape(s), DType::kF32);
    TestBuffer loss({s[0]}, DType::kF32);
    const auto tv = t.set(random_reals(s.numel(), 1)), pv = p.set(random_reals(s.numel(), 2));
    const auto mv = m.set(random_reals(m.shape().numel(), 3));
    const auto ref = pixel_error_ref(tv, pv, mask_values(mv), static_cast<size_t>(s[0]),
                                     static_cast<size_t>(s[3]), power());
    forward(t.view(), p.view(), mask(m), loss.mut());
    EXPECT_TRUE(within(loss, ref.loss, {.c = 2})) << s;  // difference and product, sums in double
  }
}

TEST_P(PixelErrorKind, BackwardIsWithinItsBoundAndAccumulates) {
  for (const Shape& s : kShapes) {
    TestBuffer t(s, DType::kF32), p(s, DType::kF32), m(mask_shape(s), DType::kF32);
    TestBuffer dloss({s[0]}, DType::kF32), dp(s, DType::kF32);
    const auto tv = t.set(random_reals(s.numel(), 1)), pv = p.set(random_reals(s.numel(), 2));
    const auto mv = m.set(random_reals(m.shape().numel(), 3));
    const auto up = dloss.set(random_reals(s[0], 4));
    const auto ref = pixel_error_ref(tv, pv, mask_values(mv), static_cast<size_t>(s[0]),
                                     static_cast<size_t>(s[3]), power());
    backward(t.view(), p.view(), mask(m), dloss.view(), dp.grad());
    // Factor, difference, two masks, factor again, accumulation.
    EXPECT_TRUE(within(dp, upstream(ref.gradient, up, {}), {.c = 6})) << s;
    const auto before = dp.set(random_reals(s.numel(), 5));
    backward(t.view(), p.view(), mask(m), dloss.view(), dp.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(dp, upstream(ref.gradient, up, before), {.c = 6})) << s;
  }
}

TEST_P(PixelErrorKind, IntegersOverAPowerOfTwoAreExact) {
  const Shape s{2, 16, 16, 2};
  TestBuffer t(s, DType::kF32), p(s, DType::kF32), m(mask_shape(s), DType::kF32);
  TestBuffer loss({2}, DType::kF32), dloss({2}, DType::kF32), dp(s, DType::kF32);
  const auto tv = t.set(random_integers(1024, 8, 1)), pv = p.set(random_integers(1024, 8, 2));
  const auto mv = m.set(random_integers(512, 1, 3));
  const auto up = dloss.set({1, -2});
  const auto ref = pixel_error_ref(tv, pv, mask_values(mv), 2, 2, power());
  forward(t.view(), p.view(), mask(m), loss.mut());
  EXPECT_TRUE(within(loss, ref.loss, {.exact = true}));
  backward(t.view(), p.view(), mask(m), dloss.view(), dp.grad());
  EXPECT_TRUE(within(dp, upstream(ref.gradient, up, {}), {.exact = true}));
}

TEST_P(PixelErrorKind, NanShowsInItsSampleAndPixel) {
  const Shape s{3, 4, 4, 3};
  TestBuffer t(s, DType::kF32), p(s, DType::kF32), m(mask_shape(s), DType::kF32);
  TestBuffer loss({3}, DType::kF32), dloss({3}, DType::kF32), dp(s, DType::kF32);
  t.set(random_reals(144, 1));
  auto values = random_reals(144, 2);
  values[70] = kNan;
  p.set(values);
  m.set(std::vector<double>(48, 1.0));
  dloss.set({1, 1, 1});
  forward(t.view(), p.view(), mask(m), loss.mut());
  for (size_t n = 0; n < 3; ++n) EXPECT_EQ(std::isnan(loss.get(n)), n == 1);
  backward(t.view(), p.view(), mask(m), dloss.view(), dp.grad());
  for (size_t i = 0; i < 144; ++i) EXPECT_EQ(std::isnan(dp.get(i)), i == 70);
}

TEST_P(PixelErrorKind, SameBitsWhateverTheThreadCount) {
  const Shape s{1, 150, 151, 3};
  TestBuffer t(s, DType::kF32), p(s, DType::kF32), m(mask_shape(s), DType::kF32);
  TestBuffer loss({1}, DType::kF32);
  t.set(random_reals(s.numel(), 1));
  p.set(random_reals(s.numel(), 2));
  m.set(random_reals(m.shape().numel(), 3));
  stream_.set_threads(1);
  forward(t.view(), p.view(), mask(m), loss.mut());
  const double one = loss.get(0);
  stream_.set_threads(3);
  forward(t.view(), p.view(), mask(m), loss.mut());
  EXPECT_EQ(loss.get(0), one);
}

TEST_P(PixelErrorKind, RejectsWhatDoesNotFit) {
  TestBuffer t({2, 3, 4, 3}, DType::kF32), p({2, 3, 4, 1}, DType::kF32), loss({2}, DType::kF32),
      three({3}, DType::kF32), half({2, 3, 4, 3}, DType::kBF16);
  EXPECT_THROW(forward(t.view(), p.view(), {}, loss.mut()), Error);
  EXPECT_THROW(forward(t.view(), half.view(), {}, loss.mut()), Error);
  EXPECT_THROW(forward(t.view(), t.view(), t.view(), loss.mut()), Error);
  EXPECT_THROW(forward(t.view(), t.view(), {}, three.mut()), Error);
  EXPECT_THROW(backward(t.view(), t.view(), {}, loss.view(), p.grad()), Error);
  EXPECT_THROW(backward(t.view(), t.view(), {}, three.view(), t.grad()), Error);
}

INSTANTIATE_TEST_SUITE_P(PixelLoss,
                         PixelErrorKind,
                         ::testing::Values(std::pair{2, false},
                                           std::pair{2, true},
                                           std::pair{1, false},
                                           std::pair{1, true}),
                         [](const auto& param) {
                           return std::string(param.param.first == 2 ? "squared" : "absolute") +
                                  (param.param.second ? "_masked" : "");
                         });

TEST(PixelLoss, ErrorsTakeAnyShapeWithoutAMask) {
  Stream stream;
  TestBuffer t({2, 4}, DType::kF32), p({2, 4}, DType::kF32), loss({2}, DType::kF32);
  t.set({1, 2, 3, 4, 0, 0, 0, 0});
  p.set({1, 2, 3, 8, 1, 1, 1, 1});
  squared_error_forward(stream, t.view(), p.view(), {}, loss.mut());
  EXPECT_EQ(loss.get(0), 4.0);
  EXPECT_EQ(loss.get(1), 1.0);
}

TEST(PixelLoss, MessagesNameTheOpAndTheShapes) {
  Stream stream;
  TestBuffer t({2, 3, 4, 3}, DType::kF32), p({2, 3, 4, 1}, DType::kF32), loss({2}, DType::kF32),
      three({3}, DType::kF32);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([&] { squared_error_forward(stream, t.view(), p.view(), {}, loss.mut()); }),
            "squared_error_forward: expected one shape (N,...), got (2,3,4,3) f32 and (2,3,4,1) "
            "f32");
  EXPECT_EQ(
      message([&] { absolute_error_forward(stream, t.view(), t.view(), t.view(), loss.mut()); }),
      "absolute_error_forward: mask is (2,3,4,3) f32 for (2,3,4,3) f32, expected (N,H,W,1) f32");
  EXPECT_EQ(message([&] { squared_error_forward(stream, t.view(), t.view(), {}, three.mut()); }),
            "squared_error_forward: one f32 value per sample of (2,3,4,3) f32, got (3) f32");
}

TEST(MulMask, ForwardAndBackwardMultiplyEachChannel) {
  Stream stream;
  for (const Shape& s : kShapes) {
    TestBuffer x(s, DType::kF32), m(mask_shape(s), DType::kF32), y(s, DType::kF32);
    const auto xv = x.set(random_integers(s.numel(), 50, 1));
    const auto mv = m.set(random_integers(m.shape().numel(), 50, 2));
    std::vector<double> ref(xv.size());
    for (size_t i = 0; i < ref.size(); ++i) ref[i] = xv[i] * mv[i / static_cast<size_t>(s[3])];
    mul_mask_forward(stream, x.view(), m.view(), y.mut());
    EXPECT_TRUE(within(y, {ref, ref}, {.exact = true})) << s;
    mul_mask_backward(stream, x.view(), m.view(), y.grad());  // the product is its own adjoint
    EXPECT_TRUE(within(y, {ref, ref}, {.exact = true})) << s;
    mul_mask_backward(stream, x.view(), m.view(), y.grad(GradMode::kAccumulate));
    for (double& v : ref) v *= 2;
    EXPECT_TRUE(within(y, {ref, ref}, {.exact = true})) << s;
  }
}

TEST(MulMask, MayWriteOverItsInput) {
  Stream stream;
  const Shape s{2, 33, 31, 3};
  TestBuffer x(s, DType::kF32), m(mask_shape(s), DType::kF32);
  auto ref = x.set(random_integers(s.numel(), 50, 1));
  const auto mv = m.set(random_integers(m.shape().numel(), 50, 2));
  for (size_t i = 0; i < ref.size(); ++i) ref[i] *= mv[i / 3];
  mul_mask_forward(stream, x.view(), m.view(), x.mut());
  EXPECT_TRUE(within(x, {ref, ref}, {.exact = true}));
}

TEST(MulMask, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer x({2, 3, 4, 3}, DType::kF32), m({2, 3, 4, 1}, DType::kF32), flat({2}, DType::kF32);
  EXPECT_THROW(mul_mask_forward(stream, x.view(), x.view(), x.mut()), Error);
  EXPECT_THROW(mul_mask_forward(stream, x.view(), m.view(), m.mut()), Error);
  EXPECT_THROW(mul_mask_backward(stream, flat.view(), m.view(), flat.grad()), Error);
}

std::vector<double> logits_of(int64_t count, uint64_t seed) {
  auto z = random_reals(count, seed);
  for (double& v : z) v *= 15;
  return z;
}

TEST(BceLogits, ForwardAndBackwardAgainstLabels) {
  Stream stream;
  for (const Shape& s : kShapes) {
    TestBuffer z(s, DType::kF32), q(s, DType::kF32), loss({s[0]}, DType::kF32);
    TestBuffer dloss({s[0]}, DType::kF32), dz(s, DType::kF32);
    const auto zv = z.set(logits_of(s.numel(), 1));
    auto labels = random_reals(s.numel(), 2);
    for (double& v : labels) v = std::abs(v);
    const auto qv = q.set(labels);
    const auto up = dloss.set(random_reals(s[0], 3));
    const auto ref = bce_ref(zv, qv, static_cast<size_t>(s[0]));
    bce_logits_forward(stream, z.view(), q.view(), loss.mut());
    EXPECT_TRUE(within(loss, ref.loss, {.c = 0x1p-12})) << s;  // all in double
    bce_logits_backward(stream, z.view(), q.view(), dloss.view(), dz.grad());
    EXPECT_TRUE(within(dz, upstream(ref.gradient, up, {}), {.c = 0x1p-12})) << s;
    const auto before = dz.set(random_reals(s.numel(), 4));
    bce_logits_backward(stream, z.view(), q.view(), dloss.view(), dz.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(dz, upstream(ref.gradient, up, before), {.c = 0x1p-12})) << s;
  }
}

TEST(BceLogits, OneLabelForAllEqualsAMapOfIt) {
  Stream stream;
  const Shape s{2, 5, 7, 1};
  TestBuffer z(s, DType::kF32), q(s, DType::kF32), a({2}, DType::kF32), b({2}, DType::kF32);
  TestBuffer dloss({2}, DType::kF32), da(s, DType::kF32), db(s, DType::kF32);
  z.set(logits_of(70, 1));
  dloss.set({1, 0.5});
  for (const double label : {0.0, 1.0}) {
    q.set(std::vector<double>(70, label));
    bce_logits_forward(stream, z.view(), q.view(), a.mut());
    bce_logits_forward(stream, z.view(), static_cast<float>(label), b.mut());
    bce_logits_backward(stream, z.view(), q.view(), dloss.view(), da.grad());
    bce_logits_backward(stream, z.view(), static_cast<float>(label), dloss.view(), db.grad());
    for (size_t i = 0; i < 2; ++i) EXPECT_EQ(a.get(i), b.get(i));
    for (size_t i = 0; i < 70; ++i) EXPECT_EQ(da.get(i), db.get(i));
  }
}

TEST(BceLogits, LargeLogitsStayFinite) {
  Stream stream;
  TestBuffer z({3, 1}, DType::kF32), loss({3}, DType::kF32);
  z.set({1000, -1000, kNan});
  bce_logits_forward(stream, z.view(), 1.0f, loss.mut());
  EXPECT_EQ(loss.get(0), 0.0);
  EXPECT_EQ(loss.get(1), 1000.0);
  EXPECT_TRUE(std::isnan(loss.get(2)));
}

TEST(BceLogits, ReferenceBackwardMatchesFiniteDifferences) {
  const double h = 1e-5;
  for (const double z : {-6.0, -0.5, 0.0, 3.0})
    for (const double q : {0.0, 0.3, 1.0}) {
      const double slope =
          (bce_ref({z + h}, {q}, 1).loss.value[0] - bce_ref({z - h}, {q}, 1).loss.value[0]) /
          (2 * h);
      EXPECT_NEAR(bce_ref({z}, {q}, 1).gradient.value[0], slope, 1e-8) << z << ' ' << q;
    }
}

TEST(BceLogits, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer z({2, 3}, DType::kF32), q({2, 4}, DType::kF32), loss({2}, DType::kF32),
      three({3}, DType::kF32), empty({2, 0}, DType::kF32);
  EXPECT_THROW(bce_logits_forward(stream, z.view(), q.view(), loss.mut()), Error);
  EXPECT_THROW(bce_logits_forward(stream, z.view(), 1.0f, three.mut()), Error);
  EXPECT_THROW(bce_logits_forward(stream, empty.view(), 1.0f, loss.mut()), Error);
  EXPECT_THROW(bce_logits_backward(stream, z.view(), q.view(), loss.view(), z.grad()), Error);
  EXPECT_THROW(bce_logits_backward(stream, z.view(), 1.0f, loss.view(), q.grad()), Error);
}

class Variation : public ::testing::TestWithParam<TotalVariation> {
 protected:
  bool columns() const { return GetParam() == TotalVariation::kRowsAndColumns; }
};

TEST_P(Variation, ForwardAndBackwardOfIntegersAreExact) {
  Stream stream;
  for (const Shape& s : kShapes) {
    TestBuffer x(s, DType::kF32), loss({s[0]}, DType::kF32), dloss({s[0]}, DType::kF32),
        dx(s, DType::kF32);
    const auto xv = x.set(random_integers(s.numel(), 9, 1));
    const auto up = dloss.set(random_integers(s[0], 4, 2));
    const auto ref = total_variation_ref(xv, s, columns());
    total_variation_forward(stream, GetParam(), x.view(), loss.mut());
    EXPECT_TRUE(within(loss, ref.loss, {.exact = true})) << s;
    total_variation_backward(stream, GetParam(), x.view(), dloss.view(), dx.grad());
    EXPECT_TRUE(within(dx, upstream(ref.gradient, up, {}), {.exact = true})) << s;
    const auto before = dx.set(random_integers(s.numel(), 9, 3));
    total_variation_backward(stream, GetParam(), x.view(), dloss.view(),
                             dx.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(dx, upstream(ref.gradient, up, before), {.exact = true})) << s;
  }
}

TEST_P(Variation, ForwardAndBackwardOfRealsAreWithinTheirBounds) {
  Stream stream;
  for (const Shape& s : kShapes) {
    TestBuffer x(s, DType::kF32), loss({s[0]}, DType::kF32), dloss({s[0]}, DType::kF32),
        dx(s, DType::kF32);
    const auto xv = x.set(random_reals(s.numel(), 1));
    const auto up = dloss.set(random_reals(s[0], 2));
    const auto ref = total_variation_ref(xv, s, columns());
    total_variation_forward(stream, GetParam(), x.view(), loss.mut());
    EXPECT_TRUE(within(loss, ref.loss, {.c = 2})) << s;
    total_variation_backward(stream, GetParam(), x.view(), dloss.view(), dx.grad());
    EXPECT_TRUE(within(dx, upstream(ref.gradient, up, {}), {.c = 10})) << s;  // 4 differences, sums
  }
}

TEST_P(Variation, NanShowsInItsSample) {
  Stream stream;
  TestBuffer x({2, 3, 3, 3}, DType::kF32), loss({2}, DType::kF32);
  auto values = random_reals(54, 1);
  values[30] = kNan;
  x.set(values);
  total_variation_forward(stream, GetParam(), x.view(), loss.mut());
  EXPECT_FALSE(std::isnan(loss.get(0)));
  EXPECT_TRUE(std::isnan(loss.get(1)));
}

TEST_P(Variation, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer x({2, 3, 3, 3}, DType::kF32), flat({2, 3}, DType::kF32), loss({2}, DType::kF32),
      three({3}, DType::kF32);
  EXPECT_THROW(total_variation_forward(stream, GetParam(), flat.view(), loss.mut()), Error);
  EXPECT_THROW(total_variation_forward(stream, GetParam(), x.view(), three.mut()), Error);
  EXPECT_THROW(total_variation_backward(stream, GetParam(), x.view(), loss.view(), flat.grad()),
               Error);
}

INSTANTIATE_TEST_SUITE_P(PixelLoss,
                         Variation,
                         ::testing::Values(TotalVariation::kRowsAndColumns,
                                           TotalVariation::kRowsAndChannels),
                         [](const auto& param) {
                           return std::string(param.param == TotalVariation::kRowsAndColumns
                                                  ? "rows_and_columns"
                                                  : "rows_and_channels");
                         });

// Spec training.md 10, TV(h(j,1)), R 64.
TEST(TotalVariationVector, OfTheSpec) {
  Stream stream;
  const Shape s{1, 64, 64, 3};
  TestBuffer x(s, DType::kF32), loss({1}, DType::kF32);
  std::vector<double> values(3 * 4096);
  for (uint32_t c = 0; c < 3; ++c)
    for (uint32_t i = 0; i < 4096; ++i) {
      uint32_t u = (c * 4096 + i) * 2654435761u + 1013904223u + 1u;
      u ^= u >> 15;
      u *= 2246822519u;
      u ^= u >> 13;
      values[size_t{i} * 3 + c] = u / 4294967296.0;
    }
  x.set(values);
  total_variation_forward(stream, TotalVariation::kRowsAndChannels, x.view(), loss.mut());
  EXPECT_NEAR(loss.get(0), 3367.60, 0.005);
  total_variation_forward(stream, TotalVariation::kRowsAndColumns, x.view(), loss.mut());
  EXPECT_NEAR(loss.get(0), 4040.48, 0.005);
}

}  // namespace
}  // namespace diptych
