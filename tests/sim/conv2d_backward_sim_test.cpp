// conv2d's backward kernels on the emulator: every rung x pass x dtype, on integers bit for bit and
// on reals within derived bounds.
// SPDX-License-Identifier: MIT
#include "tests/sim/conv2d_sim_cases.h"

namespace diptych {
namespace {

using ref::Values;

// Backward of the epilogue.

class Conv2dSimBackwardEpilogue : public RungTest {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& rung = named(conv2d_cuda_backward_epilogue_rungs(), GetParam().rung);
    for (const Conv2dCase& test_case : conv2d_sim_cases()) {
      const auto& [t, epilogue] = test_case;
      const DType dtype = GetParam().dtype;
      const Shape y_shape = epilogue.y_shape(t);
      DeviceBuffer y(y_shape, dtype), dy(y_shape, dtype), da(t.a_shape(), dtype),
          db({t.k}, DType::kF32);
      const Values y_values = y.set(inputs(exact, y_shape, 1));
      const Values dy_values = dy.set(inputs(exact, y_shape, 2));
      const Values start = accumulate ? db.set(inputs(exact, {t.k}, 3)) : Values();
      auto [da_expected, db_expected] =
          ref::conv2d_backward_epilogue(t, epilogue, y_values, dy_values);
      add_to(db_expected, start);
      if (exact) round_to(dtype, da_expected);
      const Conv2dCudaBackwardEpilogue args = {.problem = t,
                                               .epilogue = epilogue,
                                               .dtype = dtype,
                                               .y = y.view().data,
                                               .dy = dy.view().data,
                                               .da = da.mut().data,
                                               .db = db.mut().as<float>(),
                                               .accumulate_db = accumulate};
      ASSERT_TRUE(rung.accepts(args, simt::device_chip()));
      run(rung, args);
      EXPECT_TRUE(within(da.fetch(), da_expected, any_order(exact, 1))) << t;
      EXPECT_TRUE(within(db.fetch(), db_expected, any_order(exact, t.a_shape().rows()))) << t;
    }
  }
};

TEST_P(Conv2dSimBackwardEpilogue, EqualsReferenceOnIntegers) {
  check(true, false);
}

TEST_P(Conv2dSimBackwardEpilogue, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, true);
}

TEST_P(Conv2dSimBackwardEpilogue, SumsTheBiasGradientInPlace) {
  const auto& rung = named(conv2d_cuda_backward_epilogue_rungs(), GetParam().rung);
  // The second makes more strips than one block adds with its few groups.
  for (const Conv2dProblem& t :
       {same_conv(2, 5, 3, 8, 24, 3, 1), same_conv(1, 12, 12, 8, 1024, 1, 1)}) {
    DeviceBuffer dy(t.a_shape(), GetParam().dtype), db({t.k}, DType::kF32);
    const Values values = dy.set(inputs(true, t.a_shape(), 1));
    run(rung, Conv2dCudaBackwardEpilogue{.problem = t,
                                         .dtype = GetParam().dtype,
                                         .dy = dy.view().data,
                                         .da = dy.mut().data,
                                         .db = db.mut().as<float>()});
    const auto expected = ref::conv2d_backward_epilogue(t, {}, values, values);
    EXPECT_TRUE(within(dy.fetch(), expected.da, {.exact = true}));
    EXPECT_TRUE(within(db.fetch(), expected.db, {.exact = true}));
  }
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardEpilogue,
                         ::testing::ValuesIn(rung_params(conv2d_cuda_backward_epilogue_rungs())),
                         name_of_param);

// Backward to the data.

class Conv2dSimBackwardData : public RungTest {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& rung = named(conv2d_cuda_backward_data_rungs(), GetParam().rung);
    const DType dtype = GetParam().dtype;
    int ran = 0;
    for (const Conv2dCase& test_case : conv2d_sim_cases()) {
      const Conv2dProblem& t = test_case.problem;
      DeviceBuffer da(t.a_shape(), dtype), w(t.w_shape(), dtype), dx(t.x_shape(), dtype);
      const Conv2dCudaBackwardData args = {.problem = t,
                                           .dtype = dtype,
                                           .da = da.view().data,
                                           .w = w.view().data,
                                           .dx = dx.mut().data,
                                           .before = accumulate ? dx.view().data : nullptr};
      if (!rung.accepts(args, simt::device_chip())) continue;
      ++ran;
      const Values da_values = da.set(inputs(exact, t.a_shape(), 1));
      const Values w_values = w.set(inputs(exact, t.w_shape(), 2));
      const Values start = accumulate ? dx.set(inputs(exact, t.x_shape(), 3)) : Values();
      RefTensor expected = ref::conv2d_backward_data(t, da_values, w_values);
      add_to(expected, start);
      if (exact) round_to(dtype, expected);
      run(rung, args);
      EXPECT_TRUE(within(dx.fetch(), expected, any_order(exact, int64_t{t.r} * t.s * t.k))) << t;
    }
    EXPECT_GT(ran, 0);
  }
};

TEST_P(Conv2dSimBackwardData, EqualsReferenceOnIntegers) {
  check(true, true);
}

TEST_P(Conv2dSimBackwardData, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, false);
}

// dx goes on through the store of the convolution that made x.
class Conv2dSimBackwardDataBelow : public Conv2dSimBackwardData {
 protected:
  // before: what dx held, in place where no element moves.
  void check_below(const Conv2dProblem& t, const Conv2dEpilogue& below, bool exact, bool before) {
    const DType dtype = GetParam().dtype;
    const Shape shape = below.depth_to_space ? Shape{t.n, t.h / 2, t.w / 2, 4 * t.c} : t.x_shape();
    DeviceBuffer da(t.a_shape(), dtype), w(t.w_shape(), dtype), x(t.x_shape(), dtype);
    DeviceBuffer held(t.x_shape(), dtype), out(shape, dtype);
    const bool in_place = before && !below.depth_to_space;
    const Conv2dCudaBackwardData args = {.problem = t,
                                         .dtype = dtype,
                                         .da = da.view().data,
                                         .w = w.view().data,
                                         .dx = in_place ? held.mut().data : out.mut().data,
                                         .before = before ? held.view().data : nullptr,
                                         .below = below,
                                         .x = x.view().data};
    const auto& rung = named(conv2d_cuda_backward_data_rungs(), GetParam().rung);
    if (!rung.accepts(args, simt::device_chip())) return;
    ++ran_;
    const Values da_values = da.set(inputs(exact, t.a_shape(), 1));
    const Values w_values = w.set(inputs(exact, t.w_shape(), 2));
    const Values x_values = x.set(inputs(exact, t.x_shape(), 3));
    RefTensor dx = ref::conv2d_backward_data(t, da_values, w_values);
    if (before) add_to(dx, held.set(inputs(exact, t.x_shape(), 4)));
    RefTensor expected = ref::through_store(below, t.x_shape(), x_values, dx);
    if (exact) round_to(dtype, expected);
    run(rung, args);
    EXPECT_TRUE(within((in_place ? held : out).fetch(), expected,
                       any_order(exact, int64_t{t.r} * t.s * t.k + 1)))
        << t << " depth_to_space " << below.depth_to_space << " before " << before;
  }

  void check_all(bool exact, bool before) {
    for (const Conv2dProblem& t :
         {same_conv(2, 6, 4, 24, 40, 3, 1), same_conv(1, 10, 18, 72, 16, 3, 1),
          same_conv(2, 8, 6, 16, 24, 5, 2), same_conv(1, 4, 6, 12, 8, 1, 1),
          same_conv(1, 6, 2, 3, 5, 3, 2)}) {
      check_below(t, {.leaky_slope = 0.125f, .depth_to_space = true}, exact, before);
      check_below(t, {.leaky_slope = 0.25f}, exact, before);
      check_below(t, {.depth_to_space = true}, exact, before);
    }
    EXPECT_GT(ran_, 0);
  }

  int ran_ = 0;
};

TEST_P(Conv2dSimBackwardDataBelow, EqualsReferenceOnIntegers) {
  check_all(true, true);
}

TEST_P(Conv2dSimBackwardDataBelow, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check_all(false, false);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardDataBelow,
                         ::testing::ValuesIn(rung_params(conv2d_cuda_backward_data_rungs())),
                         name_of_param);

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardData,
                         ::testing::ValuesIn(rung_params(conv2d_cuda_backward_data_rungs())),
                         name_of_param);

// Backward to the weights.

class Conv2dSimBackwardWeight : public RungTest {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& rung = named(conv2d_cuda_backward_weight_rungs(), GetParam().rung);
    const DType dtype = GetParam().dtype;
    int ran = 0;
    for (const Conv2dCase& test_case : conv2d_sim_cases()) {
      const Conv2dProblem& t = test_case.problem;
      DeviceBuffer x(t.x_shape(), dtype), da(t.a_shape(), dtype), dw(t.w_shape(), DType::kF32);
      DeviceBuffer db({t.k}, DType::kF32);
      const Conv2dCudaBackwardWeight args = {.problem = t,
                                             .dtype = dtype,
                                             .x = x.view().data,
                                             .da = da.view().data,
                                             .dw = dw.mut().as<float>(),
                                             .accumulate = accumulate,
                                             .db = db.mut().as<float>(),
                                             .accumulate_db = accumulate};
      if (!rung.accepts(args, simt::device_chip())) continue;
      ++ran;
      const Values x_values = x.set(inputs(exact, t.x_shape(), 1));
      const Values da_values = da.set(inputs(exact, t.a_shape(), 2));
      const Values start = accumulate ? dw.set(inputs(exact, t.w_shape(), 3)) : Values();
      const Values start_db = accumulate ? db.set(inputs(exact, {t.k}, 4)) : Values();
      RefTensor expected = ref::conv2d_backward_weight(t, x_values, da_values);
      add_to(expected, start);
      RefTensor expected_db = ref::conv2d_backward_epilogue(t, {}, da_values, da_values).db;
      add_to(expected_db, start_db);
      run(rung, args);
      EXPECT_TRUE(within(dw.fetch(), expected, any_order(exact, t.a_shape().rows()))) << t;
      EXPECT_TRUE(within(db.fetch(), expected_db, any_order(exact, t.a_shape().rows()))) << t;
    }
    EXPECT_GT(ran, 0);
  }
};

TEST_P(Conv2dSimBackwardWeight, GivesTheSameWithoutABias) {
  const auto& rung = named(conv2d_cuda_backward_weight_rungs(), GetParam().rung);
  const Conv2dProblem t = same_conv(2, 7, 5, 24, 8, 3, 1);
  DeviceBuffer x(t.x_shape(), GetParam().dtype), da(t.a_shape(), GetParam().dtype);
  DeviceBuffer dw(t.w_shape(), DType::kF32);
  const Values x_values = x.set(inputs(true, t.x_shape(), 1));
  const Values da_values = da.set(inputs(true, t.a_shape(), 2));
  run(rung, Conv2dCudaBackwardWeight{.problem = t,
                                     .dtype = GetParam().dtype,
                                     .x = x.view().data,
                                     .da = da.view().data,
                                     .dw = dw.mut().as<float>()});
  EXPECT_TRUE(
      within(dw.fetch(), ref::conv2d_backward_weight(t, x_values, da_values), {.exact = true}));
}

TEST_P(Conv2dSimBackwardWeight, EqualsReferenceOnIntegers) {
  check(true, true);
}

TEST_P(Conv2dSimBackwardWeight, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, false);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardWeight,
                         ::testing::ValuesIn(rung_params(conv2d_cuda_backward_weight_rungs())),
                         name_of_param);

}  // namespace
}  // namespace diptych
