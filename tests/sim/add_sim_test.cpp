// add's kernels against the double reference.
// SPDX-License-Identifier: MIT
#include <limits>

#include <gtest/gtest.h>

#include "kernels/add/add_cuda.h"
#include "kernels/add/add_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

struct Step {
  const char* name;
  void (*add)(CudaStream, View, View, MutView);
  void (*affine)(CudaStream, float, float, View, MutView);
  void (*scaled)(CudaStream, float, View, GradView);
};

constexpr Step kSteps[] = {{"naive", add_naive_cuda, affine_naive_cuda, add_scaled_naive_cuda},
                           {"vector", add_vector_cuda, affine_vector_cuda, add_scaled_vector_cuda}};

const std::vector<Shape> kShapes = {{1}, {1, 1, 1, 7}, {3, 5, 7, 3}, {1, 1023}, {2, 1025}, {2, 8}};

class AddSim : public ::testing::TestWithParam<DType> {
 protected:
  template <class Body>
  void for_each_case(const Body& body) {
    for (const Step& step : kSteps)
      for (const Shape& shape : kShapes) {
        SCOPED_TRACE(step.name + str(" ", shape));
        DeviceBuffer a(shape, GetParam()), b(shape, GetParam()), y(shape, GetParam());
        body(step, a, b, y);
      }
  }
};

TEST_P(AddSim, SumOfIntegersIsExact) {
  for_each_case([](const Step& step, DeviceBuffer& a, DeviceBuffer& b, DeviceBuffer& y) {
    const auto av = a.set(random_integers(a.shape().numel(), 60, 1));
    const auto bv = b.set(random_integers(b.shape().numel(), 60, 2));
    step.add(nullptr, a.view(), b.view(), y.mut());
    EXPECT_TRUE(within(y.fetch(), add_ref(1, av, 1, bv), {.exact = true}));
  });
}

TEST_P(AddSim, SumOfRealsIsWithinItsBound) {
  for_each_case([](const Step& step, DeviceBuffer& a, DeviceBuffer& b, DeviceBuffer& y) {
    const auto av = a.set(random_reals(a.shape().numel(), 1));
    const auto bv = b.set(random_reals(b.shape().numel(), 2));
    step.add(nullptr, a.view(), b.view(), y.mut());
    EXPECT_TRUE(within(y.fetch(), add_ref(1, av, 1, bv), {.c = 1}));  // one sum, then the store
  });
}

TEST_P(AddSim, SumMayBeWrittenOverAnInput) {
  for_each_case([](const Step& step, DeviceBuffer& a, DeviceBuffer& b, DeviceBuffer&) {
    const auto av = a.set(random_integers(a.shape().numel(), 60, 1));
    const auto bv = b.set(random_integers(b.shape().numel(), 60, 2));
    step.add(nullptr, a.view(), b.view(), a.mut());
    EXPECT_TRUE(within(a.fetch(), add_ref(1, av, 1, bv), {.exact = true}));
  });
}

TEST_P(AddSim, AffineIsFactorTimesPlusOffset) {
  for_each_case([](const Step& step, DeviceBuffer& x, DeviceBuffer&, DeviceBuffer& y) {
    const auto xv = x.set(random_integers(x.shape().numel(), 30, 3));
    step.affine(nullptr, -2.0f, 3.0f, x.view(), y.mut());
    EXPECT_TRUE(
        within(y.fetch(), add_ref(-2, xv, 3, std::vector<double>(xv.size(), 1)), {.exact = true}));
  });
}

TEST_P(AddSim, ScaledOverwritesThenAccumulates) {
  for_each_case([](const Step& step, DeviceBuffer& x, DeviceBuffer&, DeviceBuffer& y) {
    const auto xv = x.set(random_integers(x.shape().numel(), 30, 4));
    step.scaled(nullptr, 0.5f, x.view(), y.grad());
    EXPECT_TRUE(within(y.fetch(), add_ref(0.5, xv, 0, {}), {.exact = true}));
    step.scaled(nullptr, 2.0f, x.view(), y.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(y.fetch(), add_ref(0.5, xv, 2, xv), {.exact = true}));
  });
}

// <a + b, dy> = <a, dy> + <b, dy>: the backward of a sum is add_scaled with factor 1.
TEST_P(AddSim, AdjointOfTheSumIsACopy) {
  for_each_case([](const Step& step, DeviceBuffer& a, DeviceBuffer& b, DeviceBuffer& y) {
    const auto av = a.set(random_integers(a.shape().numel(), 9, 1));
    const auto bv = b.set(random_integers(b.shape().numel(), 9, 2));
    step.add(nullptr, a.view(), b.view(), y.mut());
    const auto dyv = random_integers(a.shape().numel(), 9, 3);
    double left = 0, right = 0;
    for (size_t i = 0; i < dyv.size(); ++i) left += y.fetch().get(i) * dyv[i];
    b.set(dyv);
    step.scaled(nullptr, 1.0f, b.view(), a.grad());
    for (size_t i = 0; i < dyv.size(); ++i) right += (av[i] + bv[i]) * a.fetch().get(i);
    EXPECT_EQ(left, right);
  });
}

TEST_P(AddSim, NanShows) {
  for (const Step& step : kSteps) {
    DeviceBuffer a({9}, GetParam()), b({9}, GetParam()), y({9}, GetParam());
    std::vector<double> values(9, 1.0);
    b.set(values);
    values[4] = std::numeric_limits<double>::quiet_NaN();
    a.set(values);
    step.add(nullptr, a.view(), b.view(), y.mut());
    for (size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(y.fetch().get(i)), i == 4) << step.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Add, AddSim, ::testing::Values(DType::kF32, DType::kBF16), name_of_dtype);

}  // namespace
}  // namespace diptych
