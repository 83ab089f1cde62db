// depth_to_space's kernels against its index rule.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/depth_to_space/depth_to_space_cuda.h"
#include "kernels/depth_to_space/depth_to_space_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

struct Step {
  const char* name;
  bool (*accepts)(View deep, View wide);
  void (*depth_to_space)(CudaStream, View, GradView);
  void (*space_to_depth)(CudaStream, View, GradView);
};

constexpr Step kSteps[] = {{"naive", [](View, View) { return true; }, depth_to_space_naive_cuda,
                            space_to_depth_naive_cuda},
                           {"vector", depth_to_space_vector_accepts, depth_to_space_vector_cuda,
                            space_to_depth_vector_cuda}};

const std::vector<Shape> kDeep = {{1, 1, 1, 4},  {1, 3, 5, 12},  {3, 5, 7, 8},
                                  {2, 7, 5, 32}, {2, 2, 3, 132}, {1, 4, 3, 64}};

class DepthToSpaceSim : public ::testing::TestWithParam<DType> {
 protected:
  // Calls body(step, shape) for every step that accepts the shape.
  template <class Body>
  void for_each_case(const Body& body) {
    int accepted = 0;
    for (const Step& step : kSteps)
      for (const Shape& shape : kDeep) {
        DeviceBuffer deep(shape, GetParam()), wide(wide_of(shape), GetParam());
        if (!step.accepts(deep.view(), wide.view())) continue;
        SCOPED_TRACE(step.name + str(" ", shape));
        body(step, shape, deep, wide);
        ++accepted;
      }
    EXPECT_GT(accepted, static_cast<int>(kDeep.size()));  // the naive step, and some of the others
  }

  static Shape wide_of(const Shape& s) { return {s[0], 2 * s[1], 2 * s[2], s[3] / 4}; }
};

TEST_P(DepthToSpaceSim, ForwardFollowsTheIndexRule) {
  for_each_case([](const Step& step, const Shape& s, DeviceBuffer& deep, DeviceBuffer& wide) {
    const auto x = deep.set(random_reals(s.numel(), 1));
    const auto ref = depth_to_space_ref(x, s[0], s[1], s[2], s[3]);
    step.depth_to_space(nullptr, deep.view(), wide.grad());
    EXPECT_TRUE(within(wide.fetch(), {ref, ref}, {.exact = true}));
  });
}

TEST_P(DepthToSpaceSim, BackwardIsTheInverse) {
  for_each_case([](const Step& step, const Shape& s, DeviceBuffer& deep, DeviceBuffer& wide) {
    const auto x = random_integers(s.numel(), 60, 1);
    wide.set(depth_to_space_ref(x, s[0], s[1], s[2], s[3]));
    step.space_to_depth(nullptr, wide.view(), deep.grad());
    EXPECT_TRUE(within(deep.fetch(), {x, x}, {.exact = true}));
  });
}

TEST_P(DepthToSpaceSim, BothWaysAccumulate) {
  for_each_case([](const Step& step, const Shape& s, DeviceBuffer& deep, DeviceBuffer& wide) {
    auto x = deep.set(random_integers(s.numel(), 30, 1));
    auto y = depth_to_space_ref(x, s[0], s[1], s[2], s[3]);
    wide.set(y);
    step.depth_to_space(nullptr, deep.view(), wide.grad(GradMode::kAccumulate));
    for (double& v : y) v *= 2;
    EXPECT_TRUE(within(wide.fetch(), {y, y}, {.exact = true}));
    step.space_to_depth(nullptr, wide.view(), deep.grad(GradMode::kAccumulate));
    for (double& v : x) v *= 3;
    EXPECT_TRUE(within(deep.fetch(), {x, x}, {.exact = true}));
  });
}

INSTANTIATE_TEST_SUITE_P(DepthToSpace,
                         DepthToSpaceSim,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

}  // namespace
}  // namespace diptych
