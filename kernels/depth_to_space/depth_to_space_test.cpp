// Tests of depth_to_space and space_to_depth.
// SPDX-License-Identifier: MIT
#include "kernels/depth_to_space/depth_to_space.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "kernels/depth_to_space/depth_to_space_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

const std::vector<Shape> kDeep = {
    {1, 1, 1, 4}, {1, 3, 5, 12}, {3, 5, 7, 8}, {2, 17, 13, 32}, {2, 2, 3, 1028}};

class DepthToSpaceDtype : public ::testing::TestWithParam<DType> {};

std::vector<double> reference(const std::vector<double>& x, const Shape& s) {
  return depth_to_space_ref(x, s[0], s[1], s[2], s[3]);
}

TEST_P(DepthToSpaceDtype, ForwardFollowsTheIndexRule) {
  Stream stream;
  for (const Shape& shape : kDeep) {
    TestBuffer x(shape, GetParam()), y(depth_to_space_shape(shape), GetParam());
    const auto ref = reference(x.set(random_reals(shape.numel(), 1)), shape);
    depth_to_space_forward(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, {ref, ref}, {.exact = true})) << shape;
  }
}

TEST_P(DepthToSpaceDtype, BackwardIsTheInverseAndAccumulates) {
  Stream stream;
  for (const Shape& shape : kDeep) {
    TestBuffer dx(shape, GetParam()), dy(depth_to_space_shape(shape), GetParam());
    auto deep = random_integers(shape.numel(), 60, 1);
    dy.set(reference(deep, shape));
    depth_to_space_backward(stream, dy.view(), dx.grad());
    EXPECT_TRUE(within(dx, {deep, deep}, {.exact = true})) << shape;
    depth_to_space_backward(stream, dy.view(), dx.grad(GradMode::kAccumulate));
    for (double& v : deep) v *= 2;
    EXPECT_TRUE(within(dx, {deep, deep}, {.exact = true})) << shape;
  }
}

TEST_P(DepthToSpaceDtype, SpaceToDepthIsTheInverseBothWays) {
  Stream stream;
  for (const Shape& shape : kDeep) {
    const Shape wide = depth_to_space_shape(shape);
    EXPECT_EQ(space_to_depth_shape(wide), shape);
    TestBuffer x(wide, GetParam()), y(shape, GetParam()), back(wide, GetParam());
    const auto deep = random_integers(shape.numel(), 60, 1);
    const auto xv = x.set(reference(deep, shape));
    space_to_depth_forward(stream, x.view(), y.mut());
    EXPECT_TRUE(within(y, {deep, deep}, {.exact = true})) << shape;
    space_to_depth_backward(stream, y.view(), back.grad());
    EXPECT_TRUE(within(back, {xv, xv}, {.exact = true})) << shape;
    space_to_depth_backward(stream, y.view(), back.grad(GradMode::kAccumulate));
    auto twice = xv;
    for (double& v : twice) v *= 2;
    EXPECT_TRUE(within(back, {twice, twice}, {.exact = true})) << shape;
  }
}

INSTANTIATE_TEST_SUITE_P(DepthToSpace,
                         DepthToSpaceDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

// The example of the page: one pixel of 8 channels becomes 2x2 pixels of 2 channels. Pixel shuffle
// would give 0 4, 1 5, 2 6, 3 7.
TEST(DepthToSpace, HandWorkedExampleIsBlockRowBlockColumnChannel) {
  Stream stream;
  TestBuffer x({1, 1, 1, 8}, DType::kF32), y({1, 2, 2, 2}, DType::kF32);
  x.set({0, 1, 2, 3, 4, 5, 6, 7});
  depth_to_space_forward(stream, x.view(), y.mut());
  const std::vector<double> by_hand = {0, 1, 2, 3, 4, 5, 6, 7};  // pixels (0,0) (0,1) (1,0) (1,1)
  EXPECT_TRUE(within(y, {by_hand, by_hand}, {.exact = true}));
}

// Two pixels side by side: the rows of both interleave.
TEST(DepthToSpace, HandWorkedExampleOfTwoPixels) {
  Stream stream;
  TestBuffer x({1, 1, 2, 4}, DType::kF32), y({1, 2, 4, 1}, DType::kF32);
  x.set({0, 1, 2, 3, 10, 11, 12, 13});
  depth_to_space_forward(stream, x.view(), y.mut());
  const std::vector<double> by_hand = {0, 1, 10, 11, 2, 3, 12, 13};
  EXPECT_TRUE(within(y, {by_hand, by_hand}, {.exact = true}));
}

TEST(DepthToSpace, RejectsWhatDoesNotFit) {
  Stream stream;
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([] {
              depth_to_space_shape({1, 2, 2, 6});
            }),
            "depth_to_space: (1,2,2,6), expected (N,H,W,C) with C a multiple of 4");
  EXPECT_EQ(message([] {
              space_to_depth_shape({1, 3, 2, 6});
            }),
            "space_to_depth: (1,3,2,6), expected (N,H,W,C) with H and W even");
  EXPECT_NE(message([] { depth_to_space_shape({4, 4}); }), "accepted");
  TestBuffer x({1, 2, 2, 8}, DType::kF32), y({1, 4, 4, 1}, DType::kF32),
      h({1, 4, 4, 2}, DType::kBF16);
  EXPECT_EQ(message([&] { depth_to_space_forward(stream, x.view(), y.mut()); }),
            "depth_to_space_forward: from (1,2,2,8) f32 comes (1,4,4,2) of the same dtype, the "
            "output is (1,4,4,1) f32");
  EXPECT_NE(message([&] { depth_to_space_forward(stream, x.view(), h.mut()); }), "accepted");
  EXPECT_NE(message([&] { depth_to_space_backward(stream, h.view(), x.grad()); }), "accepted");
  EXPECT_NE(message([&] { space_to_depth_forward(stream, y.view(), x.mut()); }), "accepted");
  EXPECT_NE(message([&] { space_to_depth_backward(stream, x.view(), y.grad()); }), "accepted");
}

}  // namespace
}  // namespace diptych
