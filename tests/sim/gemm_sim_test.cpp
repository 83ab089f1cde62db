// gemm's CUDA kernels on the emulator: every rung x every pass x both dtypes, on integers bit for
// bit and on reals within derived bounds.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/gemm/gemm_cuda.h"
#include "kernels/gemm/gemm_ref.h"
#include "tests/sim/rungs.h"

namespace diptych {
namespace {

using ref::Values;

// Sizes on and off the grids of 8 and 4, below, at and above each tile and batch tile, a batch
// beyond one tile. For the rungs that split their sums also sums of several splits, ragged last.
std::vector<DenseProblem> cases(const std::string& rung) {
  std::vector<DenseProblem> list = {{1, 1, 1},     {3, 31, 7},   {2, 12, 33},
                                    {8, 64, 64},   {5, 72, 130}, {11, 35, 6},
                                    {17, 136, 65}, {33, 40, 21}, {65, 24, 18}};
  if (rung == "naive" || rung == "tiled") return list;
  list.insert(list.end(), {{1, 1288, 9}, {2, 8, 1061}, {9, 1544, 3}, {1, 136, 1100}});
  return list;
}

// Runs body(problem), which says whether the rung takes it, for every case; at least one must run.
template <class Body>
void for_each_case(const std::string& rung, const Body& body) {
  int ran = 0;
  for (const DenseProblem& t : cases(rung)) {
    SCOPED_TRACE(str(t));
    ran += body(t);
  }
  EXPECT_GT(ran, 0);
}

// Forward.

class GemmSimForward : public ::testing::TestWithParam<RungParam> {
 protected:
  void check(bool exact, DType y_dtype, bool bias) {
    const auto& [name, dtype] = GetParam();
    const auto& rung = named(dense_cuda_forward_rungs(), name);
    for_each_case(name, [&, type = dtype](const DenseProblem& t) {
      DeviceBuffer x({t.m, t.in}, type), w({t.out, t.in}, type), b({t.out}, DType::kF32);
      DeviceBuffer y({t.m, t.out}, y_dtype);
      const DenseCudaForward args = {.problem = t,
                                     .dtype = type,
                                     .y_dtype = y_dtype,
                                     .x = x.view().data,
                                     .w = w.view().data,
                                     .b = bias ? b.view().as<float>() : nullptr,
                                     .y = y.mut().data};
      if (!rung.accepts(args, simt::device_chip())) return false;
      const Values xv = x.set(inputs(exact, x.shape(), 1)), wv = w.set(inputs(exact, w.shape(), 2));
      const Values bv = b.set(inputs(exact, b.shape(), 3));
      RefTensor expected = ref::dense_forward(t, xv, wv, bias ? bv : Values());
      if (exact) round_to(y_dtype, expected);
      run(rung, args);
      EXPECT_TRUE(within(y.fetch(), expected, any_order(exact, t.in)));
      return true;
    });
  }
};

TEST_P(GemmSimForward, EqualsReferenceOnIntegers) {
  check(true, GetParam().dtype, true);
}

TEST_P(GemmSimForward, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, GetParam().dtype, false);
}

TEST_P(GemmSimForward, StoresF32) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, DType::kF32, true);
}

INSTANTIATE_TEST_SUITE_P(Gemm,
                         GemmSimForward,
                         ::testing::ValuesIn(rung_params(dense_cuda_forward_rungs())),
                         name_of_param);

// Backward to the data.

class GemmSimBackwardData : public ::testing::TestWithParam<RungParam> {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& [name, dtype] = GetParam();
    const auto& rung = named(dense_cuda_backward_data_rungs(), name);
    for_each_case(name, [&, type = dtype](const DenseProblem& t) {
      DeviceBuffer dy({t.m, t.out}, type), w({t.out, t.in}, type), dx({t.m, t.in}, type);
      const DenseCudaBackwardData args = {
          t, type, dy.view().data, w.view().data, dx.mut().data, accumulate};
      if (!rung.accepts(args, simt::device_chip())) return false;
      const Values dyv = dy.set(inputs(exact, dy.shape(), 1));
      const Values wv = w.set(inputs(exact, w.shape(), 2));
      RefTensor expected = ref::dense_backward_data(t, dyv, wv);
      if (accumulate) add_to(expected, dx.set(inputs(exact, dx.shape(), 3)));
      if (exact) round_to(type, expected);
      run(rung, args);
      EXPECT_TRUE(within(dx.fetch(), expected, any_order(exact, t.out)));
      return true;
    });
  }
};

TEST_P(GemmSimBackwardData, EqualsReferenceOnIntegers) {
  check(true, true);
}

TEST_P(GemmSimBackwardData, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, false);
}

INSTANTIATE_TEST_SUITE_P(Gemm,
                         GemmSimBackwardData,
                         ::testing::ValuesIn(rung_params(dense_cuda_backward_data_rungs())),
                         name_of_param);

// Backward to the weights.

class GemmSimBackwardWeight : public ::testing::TestWithParam<RungParam> {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& [name, dtype] = GetParam();
    const auto& rung = named(dense_cuda_backward_weight_rungs(), name);
    for_each_case(name, [&, type = dtype](const DenseProblem& t) {
      DeviceBuffer x({t.m, t.in}, type), dy({t.m, t.out}, type), dw({t.out, t.in}, DType::kF32);
      const DenseCudaBackwardWeight args = {
          t, type, x.view().data, dy.view().data, dw.mut().as<float>(), accumulate};
      if (!rung.accepts(args, simt::device_chip())) return false;
      const Values xv = x.set(inputs(exact, x.shape(), 1));
      const Values dyv = dy.set(inputs(exact, dy.shape(), 2));
      RefTensor expected = ref::dense_backward_weight(t, xv, dyv);
      if (accumulate) add_to(expected, dw.set(inputs(exact, dw.shape(), 3)));
      run(rung, args);
      EXPECT_TRUE(within(dw.fetch(), expected, any_order(exact, t.m)));
      return true;
    });
  }
};

TEST_P(GemmSimBackwardWeight, EqualsReferenceOnIntegers) {
  check(true, true);
}

TEST_P(GemmSimBackwardWeight, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, false);
}

INSTANTIATE_TEST_SUITE_P(Gemm,
                         GemmSimBackwardWeight,
                         ::testing::ValuesIn(rung_params(dense_cuda_backward_weight_rungs())),
                         name_of_param);

// Backward to the bias.

class GemmSimBackwardBias : public ::testing::TestWithParam<RungParam> {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& [name, dtype] = GetParam();
    const auto& rung = named(dense_cuda_backward_bias_rungs(), name);
    for_each_case(name, [&, type = dtype](const DenseProblem& t) {
      DeviceBuffer dy({t.m, t.out}, type), db({t.out}, DType::kF32);
      const DenseCudaBackwardBias args = {t, type, dy.view().data, db.mut().as<float>(),
                                          accumulate};
      const Values dyv = dy.set(inputs(exact, dy.shape(), 1));
      RefTensor expected = ref::dense_backward_bias(t, dyv);
      if (accumulate) add_to(expected, db.set(inputs(exact, db.shape(), 2)));
      run(rung, args);
      EXPECT_TRUE(within(db.fetch(), expected, any_order(exact, t.m)));
      return true;
    });
  }
};

TEST_P(GemmSimBackwardBias, EqualsReferenceOnIntegers) {
  check(true, false);
}

TEST_P(GemmSimBackwardBias, AccumulatesWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, true);
}

INSTANTIATE_TEST_SUITE_P(Gemm,
                         GemmSimBackwardBias,
                         ::testing::ValuesIn(rung_params(dense_cuda_backward_bias_rungs())),
                         name_of_param);

// What kernels must not do.

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_P(GemmSimForward, NanShowsInItsRowAlone) {
  const auto& rung = named(dense_cuda_forward_rungs(), GetParam().rung);
  const DenseProblem t = {3, 40, 20};
  DeviceBuffer x({t.m, t.in}, GetParam().dtype), w({t.out, t.in}, GetParam().dtype);
  DeviceBuffer y({t.m, t.out}, DType::kF32);
  Values values = random_reals(x.shape().numel(), 1);
  values[static_cast<size_t>(t.in + 39)] = kNan;  // the last term of row 1
  x.set(values);
  w.set(random_reals(w.shape().numel(), 2));
  run(rung, DenseCudaForward{.problem = t,
                             .dtype = GetParam().dtype,
                             .y_dtype = DType::kF32,
                             .x = x.view().data,
                             .w = w.view().data,
                             .y = y.mut().data});
  for (size_t i = 0; i < 60; ++i) ASSERT_EQ(std::isnan(y.fetch().get(i)), i / 20 == 1) << i;
}

TEST_P(GemmSimBackwardData, NanShowsInItsColumnAlone) {
  const auto& [name, dtype] = GetParam();
  const auto& rung = named(dense_cuda_backward_data_rungs(), name);
  const DenseProblem t = {3, 40, 21};
  DeviceBuffer dy({t.m, t.out}, dtype), w({t.out, t.in}, dtype), dx({t.m, t.in}, dtype);
  Values values = random_reals(w.shape().numel(), 1);
  values[static_cast<size_t>(20 * t.in + 7)] = kNan;  // column 7 of the last row
  w.set(values);
  dy.set(random_reals(dy.shape().numel(), 2));
  run(rung, DenseCudaBackwardData{t, dtype, dy.view().data, w.view().data, dx.mut().data, false});
  for (size_t i = 0; i < 120; ++i) ASSERT_EQ(std::isnan(dx.fetch().get(i)), i % 40 == 7) << i;
}

TEST_P(GemmSimBackwardWeight, NanShowsInItsColumnAlone) {
  const auto& [name, dtype] = GetParam();
  const auto& rung = named(dense_cuda_backward_weight_rungs(), name);
  const DenseProblem t = {3, 40, 21};
  DeviceBuffer x({t.m, t.in}, dtype), dy({t.m, t.out}, dtype), dw({t.out, t.in}, DType::kF32);
  Values values = random_reals(x.shape().numel(), 1);
  values[static_cast<size_t>(2 * t.in + 33)] = kNan;
  x.set(values);
  dy.set(random_reals(dy.shape().numel(), 2));
  run(rung, DenseCudaBackwardWeight{t, dtype, x.view().data, dy.view().data, dw.mut().as<float>(),
                                    false});
  for (size_t i = 0; i < 840; ++i) ASSERT_EQ(std::isnan(dw.fetch().get(i)), i % 40 == 33) << i;
}

// The choice.

DenseCudaForward dense1() {  // its weights' address is never read
  return {.problem = {8, 32768, 256}};
}

TEST(GemmSimPick, StreamsWeightsOnTensorCores) {
  EXPECT_STREQ(pick_gemm_cuda(dense1(), kChip).name, "mma");
}

TEST(GemmSimPick, StreamsF32WithoutThem) {
  DenseCudaForward args = dense1();
  args.dtype = args.y_dtype = DType::kF32;
  EXPECT_STREQ(pick_gemm_cuda(args, kChip).name, "stream");
}

TEST(GemmSimPick, TakesTheForcedRung) {
  const ForceVariant forced("dense_forward", "tiled");
  EXPECT_STREQ(pick_gemm_cuda(dense1(), kChip).name, "tiled");
}

TEST(GemmSimPick, RefusesWhatNoGridCovers) {
  const DenseCudaForward args = {.problem = {1 << 20, 1 << 20, 8}};
  EXPECT_THROW(pick_gemm_cuda(args, kChip), Error);
}

TEST(GemmSimPick, WorkspaceDependsOnTheProblemAlone) {
  // 64 splits of 512 terms: 8 x 256 partial sums each.
  EXPECT_EQ(pick_gemm_cuda(dense1(), 80).workspace(dense1()), size_t{64} * 8 * 256 * 4);
  EXPECT_EQ(pick_gemm_cuda(dense1(), 90).workspace(dense1()), size_t{64} * 8 * 256 * 4);
}

}  // namespace
}  // namespace diptych
