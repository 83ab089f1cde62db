// Tests of blur, soft_mask and blur_out.
// SPDX-License-Identifier: MIT
#include "kernels/blur/blur.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/blur/blur_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

struct Case {
  Shape shape;
  double sigma;
};

const std::vector<Case> kCases = {{{1, 1, 1, 1}, 0.5},    {{1, 5, 7, 3}, 2},  {{2, 9, 4, 1}, 1.75},
                                  {{3, 17, 13, 3}, 0.75}, {{1, 3, 40, 5}, 4}, {{1, 40, 3, 2}, 8},
                                  {{1, 23, 67, 1}, 2.5}};

// Both passes add their taps in order; each weight is rounded.
Tolerance bound(double sigma) {
  return {.c = 2.0 * blur_size(sigma) + 2};
}

// Uniform numbers of the spec (networks.md 11).
double spec_uniform(uint32_t j, uint32_t k) {
  uint32_t u = j * 2654435761u + k * 1013904223u + 1u;
  u ^= u >> 15;
  u *= 2246822519u;
  u ^= u >> 13;
  return u / 4294967296.0;
}

// h(j,1) in channel, row, column order as f32 (N=1,H,W,C=3).
std::vector<double> spec_picture(uint32_t size) {
  std::vector<double> x(size_t{3} * size * size);
  for (uint32_t c = 0; c < 3; ++c)
    for (uint32_t p = 0; p < size * size; ++p)
      x[size_t{p} * 3 + c] = static_cast<float>(spec_uniform(c * size * size + p, 1));
  return x;
}

TEST(Blur, SizeFollowsTheSpec) {
  EXPECT_EQ(blur_size(0.5), 3);
  EXPECT_EQ(blur_size(0.75), 3);
  EXPECT_EQ(blur_size(1), 5);
  EXPECT_EQ(blur_size(1.5), 7);
  EXPECT_EQ(blur_size(1.75), 7);
  EXPECT_EQ(blur_size(2), 9);
  EXPECT_EQ(blur_size(2.5), 11);
  EXPECT_EQ(blur_size(4), 17);
  EXPECT_EQ(blur_size(80), 321);
}

TEST(Blur, ForwardIsWithinItsBound) {
  Stream stream;
  for (const Case& c : kCases) {
    TestBuffer x(c.shape, DType::kF32), y(c.shape, DType::kF32);
    const auto xv = x.set(random_reals(c.shape.numel(), 1));
    blur_forward(stream, x.view(), c.sigma, y.mut());
    EXPECT_TRUE(within(y, blur_ref(xv, c.shape, c.sigma), bound(c.sigma)))
        << c.shape << " sigma " << c.sigma;
  }
}

TEST(Blur, BackwardIsTheSameFilterAndAccumulates) {
  Stream stream;
  for (const Case& c : kCases) {
    TestBuffer dy(c.shape, DType::kF32), dx(c.shape, DType::kF32);
    const auto dyv = dy.set(random_reals(c.shape.numel(), 2));
    RefTensor ref = blur_ref(dyv, c.shape, c.sigma);
    blur_backward(stream, dy.view(), c.sigma, dx.grad());
    EXPECT_TRUE(within(dx, ref, bound(c.sigma))) << c.shape;
    const auto before = dx.set(random_reals(c.shape.numel(), 3));
    blur_backward(stream, dy.view(), c.sigma, dx.grad(GradMode::kAccumulate));
    for (size_t i = 0; i < before.size(); ++i) {
      ref.value[i] += before[i];
      ref.magnitude[i] += std::abs(before[i]);
    }
    EXPECT_TRUE(within(dx, ref, bound(c.sigma))) << c.shape;
  }
}

// <G x, z> = <x, G z>, up to the rounding of both sides.
TEST(Blur, IsItsOwnAdjoint) {
  Stream stream;
  for (const Case& c : kCases) {
    TestBuffer x(c.shape, DType::kF32), z(c.shape, DType::kF32);
    TestBuffer gx(c.shape, DType::kF32), gz(c.shape, DType::kF32);
    const auto xv = x.set(random_reals(c.shape.numel(), 1));
    const auto zv = z.set(random_reals(c.shape.numel(), 2));
    blur_forward(stream, x.view(), c.sigma, gx.mut());
    blur_backward(stream, z.view(), c.sigma, gz.grad());
    const RefTensor rx = blur_ref(xv, c.shape, c.sigma), rz = blur_ref(zv, c.shape, c.sigma);
    double left = 0, right = 0, scale = 0;
    for (size_t i = 0; i < xv.size(); ++i) {
      left += gx.get(i) * zv[i];
      right += xv[i] * gz.get(i);
      scale += rx.magnitude[i] * std::abs(zv[i]) + rz.magnitude[i] * std::abs(xv[i]);
    }
    EXPECT_NEAR(left, right, (bound(c.sigma).c + 1) * 0x1p-24 * scale) << c.shape;
  }
}

TEST(Blur, SameBitsWhateverTheThreadCount) {
  const Shape shape{3, 70, 67, 3};
  TestBuffer x(shape, DType::kF32), a(shape, DType::kF32), b(shape, DType::kF32);
  x.set(random_reals(shape.numel(), 1));
  Stream one(Engine::kCpu, 1);
  blur_forward(one, x.view(), 8, a.mut());
  Stream three(Engine::kCpu, 3);
  blur_forward(three, x.view(), 8, b.mut());
  for (size_t i = 0; i < static_cast<size_t>(shape.numel()); ++i) ASSERT_EQ(a.get(i), b.get(i));
}

// Spec training.md 10: (c,y,x) = (0,0,0) and (1,32,31) of G(h(j,1)), R 64.
TEST(Blur, TestVectorsOfTheSpec) {
  Stream stream;
  const Shape shape{1, 64, 64, 3};
  TestBuffer x(shape, DType::kF32), y(shape, DType::kF32);
  x.set(spec_picture(64));

  const struct {
    double sigma, corner, middle;
  } vectors[] = {
      {2, 0.14657425, 0.47601235}, {0.5, 0.51621592, 0.74250850}, {8, 0.12680787, 0.50040322}};

  for (const auto& v : vectors) {
    blur_forward(stream, x.view(), v.sigma, y.mut());
    EXPECT_NEAR(y.get(0), v.corner, 3e-7) << v.sigma;
    EXPECT_NEAR(y.get((32 * 64 + 31) * 3 + 1), v.middle, 3e-7) << v.sigma;
  }
}

TEST(Blur, NanReachesTheWindowOnly) {
  Stream stream;
  const Shape shape{1, 11, 11, 1};
  TestBuffer x(shape, DType::kF32), y(shape, DType::kF32);
  std::vector<double> values(121, 0.5);
  values[5 * 11 + 5] = std::numeric_limits<double>::quiet_NaN();
  x.set(values);
  blur_forward(stream, x.view(), 1, y.mut());  // 5 taps
  for (int h = 0; h < 11; ++h)
    for (int w = 0; w < 11; ++w)
      EXPECT_EQ(std::isnan(y.get(static_cast<size_t>(h * 11 + w))),
                std::abs(h - 5) <= 2 && std::abs(w - 5) <= 2);
  soft_mask(stream, x.view(), 1, BlurBorder::kZeros, y.mut());
  EXPECT_TRUE(std::isnan(y.get(60)));
}

const BlurBorder kBorders[] = {BlurBorder::kZeros, BlurBorder::kRenormalised};

TEST(SoftMask, DoublesAndClipsTheBlur) {
  Stream stream;
  const Shape shape{2, 33, 19, 1};
  for (const BlurBorder border : kBorders) {
    TestBuffer m(shape, DType::kF32), y(shape, DType::kF32);
    auto values = random_reals(shape.numel(), 4);
    for (double& v : values) v = v > -0.2 ? 1.0 : 0.0;
    RefTensor ref = blur_ref(m.set(values), shape, 2);
    const auto inside = blur_ref_inside(shape, 2);
    for (size_t i = 0; i < ref.value.size(); ++i) {
      const double share = border == BlurBorder::kZeros ? 1 : inside[i];
      ref.value[i] = soft_mask_ref(ref.value[i] / share);
      ref.magnitude[i] *= 2 / share;
    }
    soft_mask(stream, m.view(), 2, border, y.mut());
    EXPECT_TRUE(within(y, ref, bound(2)));
  }
}

// Spec training.md 4.2, quirk: zero padding lets the corner of a full mask fall to about 0.6.
TEST(SoftMask, CornerOfAFullMaskFallsWithZeros) {
  Stream stream;
  const Shape shape{1, 64, 64, 1};
  TestBuffer m(shape, DType::kF32), y(shape, DType::kF32);
  m.set(std::vector<double>(64 * 64, 1.0));
  soft_mask(stream, m.view(), 4, BlurBorder::kZeros, y.mut());
  EXPECT_NEAR(y.get(0), 0.6, 0.02);
  EXPECT_EQ(y.get(32), 1.0);
  EXPECT_EQ(y.get(32 * 64 + 32), 1.0);
}

TEST(SoftMask, AFullMaskIsOneEverywhereWhenRenormalised) {
  Stream stream;
  const Shape shape{1, 20, 31, 1};
  TestBuffer m(shape, DType::kF32), y(shape, DType::kF32);
  m.set(std::vector<double>(20 * 31, 1.0));
  soft_mask(stream, m.view(), 4, BlurBorder::kRenormalised, y.mut());
  for (size_t i = 0; i < 20 * 31; ++i) ASSERT_EQ(y.get(i), 1.0) << i;
}

TEST(BlurOut, FollowsTheFormula) {
  Stream stream;
  const Shape shape{2, 15, 21, 3}, mask_shape{2, 15, 21, 1};
  for (const BlurBorder border : kBorders) {
    TestBuffer t(shape, DType::kF32), m(mask_shape, DType::kF32), y(shape, DType::kF32);
    auto picture = random_reals(shape.numel(), 5), mask = random_reals(mask_shape.numel(), 6);
    for (double& v : picture) v = 0.5 + 0.5 * v;
    for (double& v : mask) v = v > 0 ? 1.0 : (v > -0.5 ? 0.0 : -v);
    const auto tv = t.set(picture), mv = m.set(mask);
    blur_out(stream, t.view(), m.view(), 1, border, y.mut());
    EXPECT_TRUE(
        within(y, blur_out_ref(tv, mv, shape, 1, border == BlurBorder::kRenormalised), bound(1)));
  }
}

TEST(BlurOut, KeepsTheInsideOfTheMask) {
  Stream stream;
  const Shape shape{1, 9, 9, 3}, mask_shape{1, 9, 9, 1};
  TestBuffer t(shape, DType::kF32), m(mask_shape, DType::kF32), y(shape, DType::kF32);
  const auto tv = t.set(random_reals(shape.numel(), 5));
  m.set(std::vector<double>(81, 1.0));
  for (const BlurBorder border : kBorders) {
    blur_out(stream, t.view(), m.view(), 1, border, y.mut());
    EXPECT_TRUE(within(y, {tv, tv}, {.exact = true}));
  }
}

// Spec training.md 4.2, quirk: a flat background darkens at the border with zeros.
TEST(BlurOut, AFlatBackgroundStaysFlatWhenRenormalised) {
  Stream stream;
  const Shape shape{1, 24, 24, 1};
  TestBuffer t(shape, DType::kF32), m(shape, DType::kF32), y(shape, DType::kF32);
  t.set(std::vector<double>(24 * 24, 0.5));
  m.set(std::vector<double>(24 * 24, 0.0));
  blur_out(stream, t.view(), m.view(), 2, BlurBorder::kZeros, y.mut());
  EXPECT_LT(y.get(0), 0.25);
  blur_out(stream, t.view(), m.view(), 2, BlurBorder::kRenormalised, y.mut());
  for (size_t i = 0; i < 24 * 24; ++i) ASSERT_NEAR(y.get(i), 0.5, 1e-6) << i;
}

TEST(Blur, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer x({1, 4, 4, 3}, DType::kF32), y({1, 4, 5, 3}, DType::kF32), flat({4}, DType::kF32);
  TestBuffer z({1, 4, 4, 3}, DType::kF32), half({1, 4, 4, 3}, DType::kBF16);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([&] { blur_forward(stream, x.view(), 1, y.mut()); }),
            "blur_forward: expected one shape (N,H,W,C), got (1,4,4,3) f32 and (1,4,5,3) f32");
  EXPECT_NE(message([&] { blur_forward(stream, flat.view(), 1, flat.mut()); }), "accepted");
  EXPECT_NE(message([&] { blur_backward(stream, x.view(), 1, half.grad()); }), "accepted");
  EXPECT_EQ(message([&] { blur_forward(stream, x.view(), 0, z.mut()); }),
            "blur_forward: sigma = 0, expected above 0 and at most 256");
  EXPECT_NE(message([&] { blur_forward(stream, x.view(), 257, z.mut()); }), "accepted");
  EXPECT_NE(message([&] {
              blur_forward(stream, x.view(), std::numeric_limits<double>::quiet_NaN(), z.mut());
            }),
            "accepted");
  EXPECT_EQ(message([&] { soft_mask(stream, x.view(), 1, BlurBorder::kZeros, x.mut()); }),
            "soft_mask: the output is the input");
  EXPECT_EQ(message([&] { blur_out(stream, x.view(), x.view(), 1, BlurBorder::kZeros, z.mut()); }),
            "blur_out: mask is (1,4,4,3) f32 for the target (1,4,4,3) f32, expected (N,H,W,1) f32");
}

}  // namespace
}  // namespace diptych
