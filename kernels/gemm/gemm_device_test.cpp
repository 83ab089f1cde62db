// The dense layer through its public entries on the device engine of this build: all passes against
// the double reference, on integers bit for bit.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/gemm_ref.h"
#include "tests/sim/rungs.h"
#include "tests/support/dense_cases.h"

namespace diptych {
namespace {

using ref::Values;

class DenseDevice : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
    stream_ = std::make_unique<Stream>(device_engine());
  }

  std::unique_ptr<Stream> stream_;
};

TEST_P(DenseDevice, ForwardEqualsReference) {
  for (const DenseProblem& t : dense_small_cases())
    for (const DType y_dtype : {GetParam(), DType::kF32})
      for (const bool biased : {false, true}) {
        DeviceBuffer x({t.m, t.in}, GetParam()), w({t.out, t.in}, GetParam());
        DeviceBuffer b({t.out}, DType::kF32), y({t.m, t.out}, y_dtype);
        const Values xv = x.set(inputs(true, x.shape(), 1)), wv = w.set(inputs(true, w.shape(), 2));
        const Values bv = b.set(inputs(true, b.shape(), 3));
        RefTensor expected = ref::dense_forward(t, xv, wv, biased ? bv : Values());
        round_to(y_dtype, expected);
        dense_forward(*stream_, x.view(), w.view(), biased ? b.view() : View{}, y.mut());
        EXPECT_TRUE(within(y.fetch(), expected, {.exact = true})) << t;
      }
}

TEST_P(DenseDevice, BackwardDataAddsToWhatIsThere) {
  for (const DenseProblem& t : dense_small_cases()) {
    DeviceBuffer dy({t.m, t.out}, GetParam()), w({t.out, t.in}, GetParam());
    DeviceBuffer dx({t.m, t.in}, GetParam());
    const Values dyv = dy.set(inputs(true, dy.shape(), 1)), wv = w.set(inputs(true, w.shape(), 2));
    RefTensor expected = ref::dense_backward_data(t, dyv, wv);
    add_to(expected, dx.set(inputs(true, dx.shape(), 3)));
    round_to(GetParam(), expected);
    dense_backward_data(*stream_, dy.view(), w.view(), dx.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(dx.fetch(), expected, {.exact = true})) << t;
  }
}

TEST_P(DenseDevice, BackwardWeightEqualsReference) {
  for (const DenseProblem& t : dense_small_cases()) {
    DeviceBuffer x({t.m, t.in}, GetParam()), dy({t.m, t.out}, GetParam());
    DeviceBuffer dw({t.out, t.in}, DType::kF32);
    const Values xv = x.set(inputs(true, x.shape(), 1)), dyv = dy.set(inputs(true, dy.shape(), 2));
    dense_backward_weight(*stream_, x.view(), dy.view(), dw.grad());
    EXPECT_TRUE(within(dw.fetch(), ref::dense_backward_weight(t, xv, dyv), {.exact = true})) << t;
  }
}

TEST_P(DenseDevice, BackwardBiasAddsToWhatIsThere) {
  for (const DenseProblem& t : dense_small_cases()) {
    DeviceBuffer dy({t.m, t.out}, GetParam()), db({t.out}, DType::kF32);
    RefTensor expected = ref::dense_backward_bias(t, dy.set(inputs(true, dy.shape(), 1)));
    add_to(expected, db.set(inputs(true, db.shape(), 2)));
    dense_backward_bias(*stream_, dy.view(), db.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(db.fetch(), expected, {.exact = true})) << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Dense,
                         DenseDevice,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

}  // namespace
}  // namespace diptych
