// conv_transpose2d through its public entries on the device engine of this build: all passes
// against the double reference, on integers bit for bit.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/conv_transpose2d/conv_transpose2d_ref.h"
#include "tests/sim/rungs.h"
#include "tests/support/conv_transpose2d_cases.h"

namespace diptych {
namespace {

using ref::Values;

constexpr ConvTranspose2dEpilogue kActivated = {.bias = true, .leaky_slope = 0.25f};

class ConvTranspose2dDevice : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
    stream_ = std::make_unique<Stream>(device_engine());
  }

  std::unique_ptr<Stream> stream_;
};

TEST_P(ConvTranspose2dDevice, ForwardEqualsReference) {
  for (const ConvTranspose2dProblem& t : conv_transpose2d_small_cases())
    for (const DType y_dtype : {GetParam(), DType::kF32}) {
      DeviceBuffer x(t.x_shape(), GetParam()), w(t.w_shape(), GetParam()), b({t.k}, DType::kF32);
      DeviceBuffer y(t.y_shape(), y_dtype);
      const Values xv = x.set(inputs(true, x.shape(), 1)), wv = w.set(inputs(true, w.shape(), 2));
      const Values bv = b.set(inputs(true, b.shape(), 3));
      RefTensor expected = ref::conv_transpose2d_forward(t, kActivated, xv, wv, bv);
      round_to(y_dtype, expected);
      conv_transpose2d_forward(*stream_, t, kActivated, x.view(), w.view(), b.view(), y.mut());
      EXPECT_TRUE(within(y.fetch(), expected, {.exact = true})) << t;
    }
}

TEST_P(ConvTranspose2dDevice, BackwardDataAddsToWhatIsThere) {
  for (const ConvTranspose2dProblem& t : conv_transpose2d_small_cases()) {
    DeviceBuffer da(t.y_shape(), GetParam()), w(t.w_shape(), GetParam());
    DeviceBuffer dx(t.x_shape(), GetParam());
    const Values dav = da.set(inputs(true, da.shape(), 1)), wv = w.set(inputs(true, w.shape(), 2));
    RefTensor expected = ref::conv_transpose2d_backward_data(t, dav, wv);
    add_to(expected, dx.set(inputs(true, dx.shape(), 3)));
    round_to(GetParam(), expected);
    conv_transpose2d_backward_data(*stream_, t, da.view(), w.view(),
                                   dx.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(dx.fetch(), expected, {.exact = true})) << t;
  }
}

TEST_P(ConvTranspose2dDevice, BackwardWeightEqualsReference) {
  for (const ConvTranspose2dProblem& t : conv_transpose2d_small_cases()) {
    DeviceBuffer x(t.x_shape(), GetParam()), da(t.y_shape(), GetParam());
    DeviceBuffer dw(t.w_shape(), DType::kF32);
    const Values xv = x.set(inputs(true, x.shape(), 1)), dav = da.set(inputs(true, da.shape(), 2));
    conv_transpose2d_backward_weight(*stream_, t, x.view(), da.view(), dw.grad());
    const RefTensor expected = ref::conv_transpose2d_backward_weight(t, xv, dav);
    EXPECT_TRUE(within(dw.fetch(), expected, {.exact = true})) << t;
  }
}

TEST_P(ConvTranspose2dDevice, BackwardEpilogueUndoesLeakyAndSumsTheBias) {
  const ConvTranspose2dProblem t = {.n = 1, .h = 2, .w = 2, .c = 1, .k = 2, .r = 1, .s = 1};
  DeviceBuffer y(t.y_shape(), GetParam()), dy(t.y_shape(), GetParam()), da(t.y_shape(), GetParam());
  DeviceBuffer db({2}, DType::kF32);
  y.set({1, -1, -1, 0, 2, 3, -1, -2});
  dy.set({4, 4, 8, 8, 2, 2, 1, 1});
  conv_transpose2d_backward_epilogue(*stream_, t, kActivated, y.view(), dy.view(), da.mut(),
                                     db.grad());
  const Values expected = {4, 1, 2, 8, 2, 2, 0.25, 0.25}, sums = {8.25, 11.25};
  EXPECT_TRUE(within(da.fetch(), {expected, expected}, {.exact = true}));
  EXPECT_TRUE(within(db.fetch(), {sums, sums}, {.exact = true}));
}

INSTANTIATE_TEST_SUITE_P(ConvTranspose2d,
                         ConvTranspose2dDevice,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

}  // namespace
}  // namespace diptych
