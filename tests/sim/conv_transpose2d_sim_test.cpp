// conv_transpose2d's CUDA kernels on the emulator: every rung of forward x both dtypes, and the
// backward passes as what they are, passes of conv2d.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv_transpose2d/conv_transpose2d_cuda.h"
#include "kernels/conv_transpose2d/conv_transpose2d_ref.h"
#include "tests/sim/rungs.h"
#include "tests/support/conv_transpose2d_cases.h"

namespace diptych {
namespace {

using ref::Values;

// The shared cases, and channels in eights on either side of a tile, more pixels than one tile, a
// stride beyond the filter.
std::vector<ConvTranspose2dProblem> cases() {
  std::vector<ConvTranspose2dProblem> list = conv_transpose2d_small_cases();
  list.push_back(growing_conv(1, 9, 24, 72, 1));
  list.push_back(growing_conv(2, 7, 40, 8, 2));
  list.push_back({.n = 1, .h = 4, .w = 3, .c = 8, .k = 16, .r = 2, .s = 1, .stride = 3});
  return list;
}

// Forward.

// The adjoint takes f32 alone, tensor cores bf16 alone.
std::vector<RungParam> params() {
  std::vector<RungParam> list = rung_params(conv_transpose2d_cuda_forward_rungs());
  std::erase_if(list,
                [](const RungParam& p) { return p.rung == "adjoint" && p.dtype == DType::kBF16; });
  return list;
}

class ConvTranspose2dSimForward : public ::testing::TestWithParam<RungParam> {
 protected:
  void check(bool exact, const ConvTranspose2dEpilogue& epilogue, DType y_dtype) {
    int ran = 0;
    for (const ConvTranspose2dProblem& t : cases()) ran += check_case(exact, t, epilogue, y_dtype);
    EXPECT_GT(ran, 0);
  }

 private:
  bool check_case(bool exact,
                  const ConvTranspose2dProblem& t,
                  const ConvTranspose2dEpilogue& epilogue,
                  DType y_dtype) {
    const auto& [name, dtype] = GetParam();
    DeviceBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
    DeviceBuffer y(t.y_shape(), y_dtype);
    const ConvTranspose2dCudaForward args = {.problem = t,
                                             .epilogue = epilogue,
                                             .dtype = dtype,
                                             .y_dtype = y_dtype,
                                             .x = x.view().data,
                                             .w = w.view().data,
                                             .b = b.view().as<float>(),
                                             .y = y.mut().data};
    if (!named(conv_transpose2d_cuda_forward_rungs(), name).accepts(args, simt::device_chip()))
      return false;
    const Values xv = x.set(inputs(exact, x.shape(), 1)), wv = w.set(inputs(exact, w.shape(), 2));
    const Values bv = b.set(inputs(exact, b.shape(), 3));
    RefTensor expected = ref::conv_transpose2d_forward(t, epilogue, xv, wv, bv);
    if (exact) round_to(y_dtype, expected);
    run(named(conv_transpose2d_cuda_forward_rungs(), name), args);
    EXPECT_TRUE(within(y.fetch(), expected, any_order(exact, int64_t{t.r} * t.s * t.c))) << t;
    return true;
  }
};

TEST_P(ConvTranspose2dSimForward, EqualsReferenceOnIntegers) {
  check(true, {.bias = true, .leaky_slope = 0.25f}, GetParam().dtype);
}

TEST_P(ConvTranspose2dSimForward, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, {.bias = true, .leaky_slope = 0.2f}, GetParam().dtype);
}

TEST_P(ConvTranspose2dSimForward, WorksWithoutEpilogue) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(true, {}, GetParam().dtype);
}

TEST_P(ConvTranspose2dSimForward, StoresF32) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, {.bias = true}, DType::kF32);
}

TEST_P(ConvTranspose2dSimForward, NanShowsWhereItsPatchFalls) {
  const auto& [name, dtype] = GetParam();
  const ConvTranspose2dProblem t = growing_conv(1, 5, 8, 8, 2);
  DeviceBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), y(t.y_shape(), dtype);
  Values values = random_reals(x.shape().numel(), 1);
  values[static_cast<size_t>(((2 * 5) + 1) * 8 + 3)] = std::numeric_limits<double>::quiet_NaN();
  x.set(values);
  w.set(random_reals(w.shape().numel(), 2));
  run(named(conv_transpose2d_cuda_forward_rungs(), name),
      ConvTranspose2dCudaForward{.problem = t,
                                 .dtype = dtype,
                                 .y_dtype = dtype,
                                 .x = x.view().data,
                                 .w = w.view().data,
                                 .y = y.mut().data});
  const TestBuffer& back = y.fetch();
  for (size_t i = 0; i < 10 * 10 * 8; ++i) {  // input (2,1) reaches rows 4..6, columns 2..4
    const size_t p = i / 80, q = i / 8 % 10;
    ASSERT_EQ(std::isnan(back.get(i)), p >= 4 && p <= 6 && q >= 2 && q <= 4) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(ConvTranspose2d,
                         ConvTranspose2dSimForward,
                         ::testing::ValuesIn(params()),
                         name_of_param);

// The backward passes run conv2d's rungs; here only the mapping onto them is at stake.

class ConvTranspose2dSimBackward : public ::testing::TestWithParam<DType> {};

TEST_P(ConvTranspose2dSimBackward, DataIsTheForwardOfTheTransposedConvolution) {
  for (const ConvTranspose2dProblem& t : cases()) {
    DeviceBuffer da(t.y_shape(), GetParam()), w(t.w_shape(), GetParam());
    DeviceBuffer dx(t.x_shape(), GetParam());
    const Values dav = da.set(inputs(true, da.shape(), 1)), wv = w.set(inputs(true, w.shape(), 2));
    const Values start = dx.set(inputs(true, dx.shape(), 3));
    RefTensor expected = ref::conv_transpose2d_backward_data(t, dav, wv);
    add_to(expected, start);
    round_to(GetParam(), expected);
    const Conv2dCudaForward args = {.problem = t.conv2d(),
                                    .epilogue = {.residual = true},
                                    .dtype = GetParam(),
                                    .y_dtype = GetParam(),
                                    .x = da.view().data,
                                    .w = w.view().data,
                                    .residual = dx.view().data,
                                    .y = dx.mut().data};
    run(pick_conv2d_cuda(args, simt::device_chip()), args);
    EXPECT_TRUE(within(dx.fetch(), expected, {.exact = true})) << t;
  }
}

TEST_P(ConvTranspose2dSimBackward, WeightExchangesInputAndGradient) {
  for (const ConvTranspose2dProblem& t : cases()) {
    DeviceBuffer x(t.x_shape(), GetParam()), da(t.y_shape(), GetParam());
    DeviceBuffer dw(t.w_shape(), DType::kF32);
    const Values xv = x.set(inputs(true, x.shape(), 1)), dav = da.set(inputs(true, da.shape(), 2));
    const Conv2dCudaBackwardWeight args = {.problem = t.conv2d(),
                                           .dtype = GetParam(),
                                           .x = da.view().data,
                                           .da = x.view().data,
                                           .dw = dw.mut().as<float>(),
                                           .accumulate = false};
    run(pick_conv2d_cuda(args, simt::device_chip()), args);
    EXPECT_TRUE(
        within(dw.fetch(), ref::conv_transpose2d_backward_weight(t, xv, dav), {.exact = true}))
        << t;
  }
}

INSTANTIATE_TEST_SUITE_P(ConvTranspose2d,
                         ConvTranspose2dSimBackward,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         name_of_dtype);

// The choice.

TEST(ConvTranspose2dSimPick, TakesTensorCoresForBf16AndTheAdjointForF32) {
  ConvTranspose2dCudaForward args = {.problem = growing_conv(1, 8, 64, 64, 2)};
  EXPECT_STREQ(pick_conv_transpose2d_cuda(args, kChip).name, "mma_64x64");
  args.problem.c = 3;
  EXPECT_STREQ(pick_conv_transpose2d_cuda(args, kChip).name, "mma_thin");
  args.dtype = args.y_dtype = DType::kF32;
  EXPECT_STREQ(pick_conv_transpose2d_cuda(args, kChip).name, "adjoint");
}

TEST(ConvTranspose2dSimPick, TakesTheForcedRung) {
  const ForceVariant forced("conv_transpose2d_forward", "naive");
  const ConvTranspose2dCudaForward args = {.problem = growing_conv(1, 8, 64, 64, 2)};
  EXPECT_STREQ(pick_conv_transpose2d_cuda(args, kChip).name, "naive");
}

TEST(ConvTranspose2dSimPick, RefusesWhatOverflowsItsIndices) {
  const ConvTranspose2dCudaForward args = {.problem = growing_conv(4096, 512, 64, 64, 2)};
  EXPECT_THROW(pick_conv_transpose2d_cuda(args, kChip), Error);
}

}  // namespace
}  // namespace diptych
