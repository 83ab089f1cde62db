// conv2d's forward kernels on the emulator: every rung x both dtypes, on integers bit for bit and
// on reals within derived bounds.
// SPDX-License-Identifier: MIT
#include "kernels/common/variants.h"
#include "tests/sim/conv2d_sim_cases.h"

namespace diptych {
namespace {

using ref::Values;

class Conv2dSimForward : public RungTest {
 protected:
  void check(bool exact, DType y_dtype) {
    const auto& rung = named(conv2d_cuda_forward_rungs(), GetParam().rung);
    int ran = 0;
    for (const Conv2dCase& test_case : conv2d_sim_cases())
      ran += check_case(rung, exact, y_dtype, test_case);
    EXPECT_GT(ran, 0);
  }

 private:
  bool check_case(const Conv2dCudaRung<Conv2dCudaForward>& rung,
                  bool exact,
                  DType y_dtype,
                  const Conv2dCase& test_case) {
    const auto& [t, epilogue] = test_case;
    const DType dtype = GetParam().dtype;
    DeviceBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
    DeviceBuffer residual(t.a_shape(), dtype), y(epilogue.y_shape(t), y_dtype);
    const Conv2dCudaForward args = {.problem = t,
                                    .epilogue = epilogue,
                                    .dtype = dtype,
                                    .y_dtype = y_dtype,
                                    .x = x.view().data,
                                    .w = w.view().data,
                                    .b = b.view().as<float>(),
                                    .residual = residual.view().data,
                                    .y = y.mut().data};
    if (!rung.accepts(args, simt::device_chip())) return false;
    const Values x_values = x.set(inputs(exact, t.x_shape(), 1));
    const Values w_values = w.set(inputs(exact, t.w_shape(), 2));
    const Values b_values = b.set(inputs(exact, {t.k}, 3));
    const Values residual_values = residual.set(inputs(exact, t.a_shape(), 4));
    RefTensor expected =
        ref::conv2d_forward(t, epilogue, x_values, w_values, b_values, residual_values);
    if (exact) round_to(y_dtype, expected);
    run(rung, args);
    EXPECT_TRUE(within(y.fetch(), expected, any_order(exact, int64_t{t.r} * t.s * t.c))) << t;
    return true;
  }
};

TEST_P(Conv2dSimForward, EqualsReferenceOnIntegers) {
  check(true, GetParam().dtype);
}

TEST_P(Conv2dSimForward, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, GetParam().dtype);
}

TEST_P(Conv2dSimForward, StoresF32ForHeads) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, DType::kF32);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimForward,
                         ::testing::ValuesIn(rung_params(conv2d_cuda_forward_rungs())),
                         name_of_param);

// The choice.

TEST(Conv2dSimPick, TakesTheForcedRung) {
  const ForceVariant forced("conv2d_forward", "naive");
  const Conv2dCudaForward args = {.problem = same_conv(1, 8, 8, 64, 64, 3, 1)};
  EXPECT_STREQ(pick_conv2d_cuda(args, kChip).name, "naive");
}

TEST(Conv2dSimPick, SaysWhichChipAForcedRungNeeds) {
  const ForceVariant forced("conv2d_forward", "wgmma_128x128");
  const Conv2dCudaForward args = {.problem = same_conv(1, 8, 8, 64, 64, 3, 1)};
  EXPECT_STREQ(pick_conv2d_cuda(args, kChip).name, "wgmma_128x128");
  try {
    pick_conv2d_cuda(args, 86);
    FAIL() << "a kernel for sm_90a was taken on sm_86";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("on sm_86; wgmma_128x128 needs sm_90a"), std::string::npos)
        << e.what();
  }
}

TEST(Conv2dSimPick, RefusesWhatOverflowsItsIndices) {
  const Conv2dCudaForward args = {.problem = same_conv(2048, 1024, 1024, 64, 64, 3, 1)};
  EXPECT_THROW(pick_conv2d_cuda(args, kChip), Error);
}

}  // namespace
}  // namespace diptych
