// Tests of add.
// SPDX-License-Identifier: MIT
#include "kernels/add/add.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/add/add_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

const std::vector<Shape> kShapes = {{1}, {1, 1, 1, 1}, {3, 5, 7, 3}, {1, 1023}, {2, 1025}, {70001}};

class AddDtype : public ::testing::TestWithParam<DType> {};

TEST_P(AddDtype, ForwardOfIntegersIsExact) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer a(shape, GetParam()), b(shape, GetParam()), y(shape, GetParam());
    const auto av = a.set(random_integers(shape.numel(), 60, 1));
    const auto bv = b.set(random_integers(shape.numel(), 60, 2));
    add_forward(stream, a.view(), b.view(), y.mut());
    EXPECT_TRUE(within(y, add_ref(1, av, 1, bv), {.exact = true})) << shape;
  }
}

TEST_P(AddDtype, ForwardOfRealsIsWithinItsBound) {
  Stream stream;
  const Shape shape{3, 341};
  TestBuffer a(shape, GetParam()), b(shape, GetParam()), y(shape, GetParam());
  const auto av = a.set(random_reals(shape.numel(), 1));
  const auto bv = b.set(random_reals(shape.numel(), 2));
  add_forward(stream, a.view(), b.view(), y.mut());
  // One sum, then the store: in bf16 the f32 rounding can add to the rounding of the store.
  EXPECT_TRUE(within(y, add_ref(1, av, 1, bv), {.c = 1}));
}

TEST_P(AddDtype, ForwardMayWriteOverAnInput) {
  Stream stream;
  const Shape shape{2, 1025};
  TestBuffer a(shape, GetParam()), b(shape, GetParam());
  const auto av = a.set(random_integers(shape.numel(), 60, 1));
  const auto bv = b.set(random_integers(shape.numel(), 60, 2));
  add_forward(stream, a.view(), b.view(), a.mut());
  EXPECT_TRUE(within(a, add_ref(1, av, 1, bv), {.exact = true}));
}

TEST_P(AddDtype, AffineIsFactorTimesPlusOffset) {
  Stream stream;
  const Shape shape{5, 211};
  TestBuffer x(shape, GetParam()), y(shape, GetParam());
  const auto xv = x.set(random_integers(shape.numel(), 30, 3));
  affine_forward(stream, -2.0f, 3.0f, x.view(), y.mut());
  EXPECT_TRUE(within(y, add_ref(-2, xv, 3, std::vector<double>(xv.size(), 1)), {.exact = true}));
}

TEST_P(AddDtype, ScaledOverwritesThenAccumulates) {
  Stream stream;
  for (const Shape& shape : kShapes) {
    TestBuffer x(shape, GetParam()), y(shape, GetParam());
    const auto xv = x.set(random_integers(shape.numel(), 30, 4));
    add_scaled(stream, 0.5f, x.view(), y.grad());
    EXPECT_TRUE(within(y, add_ref(0.5, xv, 0, {}), {.exact = true})) << shape;
    add_scaled(stream, 2.0f, x.view(), y.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(y, add_ref(0.5, xv, 2, xv), {.exact = true})) << shape;
  }
}

TEST_P(AddDtype, NanShows) {
  Stream stream;
  TestBuffer a({9}, GetParam()), b({9}, GetParam()), y({9}, GetParam());
  std::vector<double> values(9, 1.0);
  b.set(values);
  values[4] = std::numeric_limits<double>::quiet_NaN();
  a.set(values);
  add_forward(stream, a.view(), b.view(), y.mut());
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(y.get(i)), i == 4);
}

INSTANTIATE_TEST_SUITE_P(Add,
                         AddDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST(Add, AdjointOfSumIsACopyToBoth) {
  Stream stream;
  const Shape shape{7, 13};
  TestBuffer a(shape, DType::kF32), b(shape, DType::kF32), y(shape, DType::kF32);
  TestBuffer dy(shape, DType::kF32), da(shape, DType::kF32);
  const auto av = a.set(random_integers(91, 20, 1)), bv = b.set(random_integers(91, 20, 2));
  const auto dyv = dy.set(random_integers(91, 20, 3));
  add_forward(stream, a.view(), b.view(), y.mut());
  add_scaled(stream, 1.0f, dy.view(), da.grad());
  double left = 0, right = 0;
  for (size_t i = 0; i < 91; ++i) {
    left += y.get(i) * dyv[i];
    right += (av[i] + bv[i]) * da.get(i);
  }
  EXPECT_EQ(left, right);
}

TEST(Add, RejectsShapesAndDtypesThatDiffer) {
  Stream stream;
  TestBuffer a({4}, DType::kF32), b({5}, DType::kF32), h({4}, DType::kBF16);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([&] { add_forward(stream, a.view(), b.view(), a.mut()); }),
            "add_forward: shapes differ; a (4) f32, b (5) f32, y (4) f32");
  EXPECT_EQ(message([&] { add_forward(stream, a.view(), h.view(), a.mut()); }),
            "add_forward: dtypes differ; a (4) f32, b (4) bf16, y (4) f32");
  EXPECT_EQ(message([&] { affine_forward(stream, 1, 0, a.view(), b.mut()); }),
            "affine_forward: x is (4) f32, y is (5) f32");
  EXPECT_EQ(message([&] { add_scaled(stream, 1, a.view(), h.grad()); }),
            "add_scaled: x is (4) f32, y is (4) bf16");
}

}  // namespace
}  // namespace diptych
