// conv2d's CUDA kernels on the emulator: every rung x every pass x both dtypes, in three rounds
// (style.md 9).
// SPDX-License-Identifier: MIT
#include <cstring>
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/common/variants.h"
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_ref.h"
#include "tests/sim/device_array.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

using ref::Values;

constexpr int kChip = 90;

// Which addresses a kernel touches does not depend on the values, so under the checker, which
// takes its time, one round will do.
#ifdef DIPTYCH_SIMT_CHECK
constexpr bool kChecked = true;
#else
constexpr bool kChecked = false;
#endif

constexpr const char* kWhySkipped = "the exact round has shown the checker these accesses";

struct Case {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue;
};

Conv2dProblem same(int n, int h, int w, int c, int k, int filter, int stride) {
  const int pad = filter / 2;
  return {.n = n,
          .h = h,
          .w = w,
          .c = c,
          .k = k,
          .r = filter,
          .s = filter,
          .stride = stride,
          .pad_top = pad,
          .pad_left = pad,
          .pad_bottom = pad,
          .pad_right = pad};
}

// Channels on and off the 16-byte grid, images smaller and larger than a tile, odd sizes, every
// stride and epilogue of the networks, paddings that differ, a stride beyond the filter.
std::vector<Case> cases() {
  const Conv2dEpilogue plain, act = {.bias = true, .leaky_slope = 0.125f};
  const Conv2dEpilogue residual = {.bias = true, .residual = true, .leaky_slope = 0.25f};
  const Conv2dEpilogue up = {.bias = true, .leaky_slope = 0.5f, .depth_to_space = true};
  const Conv2dEpilogue heads = {.bias = true, .depth_to_space = true};
  return {
      {same(1, 1, 1, 1, 1, 1, 1), plain},
      {same(1, 5, 7, 3, 8, 5, 2), act},
      {same(2, 7, 9, 8, 12, 3, 1), heads},
      {same(1, 9, 5, 22, 1, 1, 1), act},
      {same(1, 4, 5, 24, 40, 3, 1), residual},
      {same(1, 3, 4, 40, 96, 3, 1), up},
      {same(2, 4, 3, 12, 88, 3, 1), up},
      {same(2, 7, 5, 24, 8, 5, 2), act},
      {same(1, 21, 23, 8, 24, 1, 1), residual},
      {same(1, 7, 8, 16, 8, 1, 2), plain},
      {{.n = 1,
        .h = 7,
        .w = 6,
        .c = 8,
        .k = 16,
        .r = 4,
        .s = 2,
        .stride = 2,
        .pad_top = 2,
        .pad_left = 0,
        .pad_bottom = 1,
        .pad_right = 3},
       act},
      {{.n = 2, .h = 8, .w = 7, .c = 5, .k = 6, .r = 2, .s = 3, .stride = 3, .pad_right = 2},
       residual},
  };
}

// A tensor where kernels can reach it, with guards around it once it is back.
class Tensor {
 public:
  Tensor(const Shape& shape, DType dtype)
      : shape_(shape),
        dtype_(dtype),
        bytes_(static_cast<size_t>(shape.numel()) * size_of(dtype)),
        data_(bytes_ + 2 * kGuard) {}

  Values set(const Values& values) {
    TestBuffer host(shape_, dtype_);
    Values stored = host.set(values);
    std::memcpy(data(), host.data(), bytes_);
    return stored;
  }

  TestBuffer back() const {
    simt::synchronize();
    TestBuffer host(shape_, dtype_);
    std::memcpy(host.data(), data(), bytes_);
    for (size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(data_[i], 0xff) << "written before the tensor";
      EXPECT_EQ(data_[kGuard + bytes_ + i], 0xff) << "written behind the tensor";
    }
    return host;
  }

  Values values() const {
    const TestBuffer host = back();
    Values list(static_cast<size_t>(shape_.numel()));
    for (size_t i = 0; i < list.size(); ++i) list[i] = host.get(i);
    return list;
  }

  template <class T = void>
  T* as() const {
    return reinterpret_cast<T*>(data());
  }

 private:
  static constexpr size_t kGuard = 256;

  unsigned char* data() const { return data_.get() + kGuard; }

  Shape shape_;
  DType dtype_;
  size_t bytes_;
  DeviceArray<unsigned char> data_;
};

Values inputs(bool exact, const Shape& shape, uint64_t seed) {
  return exact ? random_integers(shape.numel(), 3, seed) : random_reals(shape.numel(), seed);
}

void round_to(DType dtype, RefTensor& ref) {
  if (dtype == DType::kF32) return;
  for (double& v : ref.value)
    v = static_cast<double>(static_cast<float>(bf16(static_cast<float>(v))));
}

void add_to(RefTensor& ref, const Values& start) {
  for (size_t i = 0; i < start.size(); ++i) ref::add_term(ref, i, start[i]);
}

// At most terms + 4 roundings on the way of each term, in whatever order; one percent for the
// error's own share of the store.
Tolerance any_order(bool exact, int64_t terms) {
  return {.exact = exact, .c = 1.01 * static_cast<double>(terms + 4)};
}

template <class Args>
void run(const Conv2dCudaRung<Args>& rung, const Args& args) {
  DeviceArray<unsigned char> workspace(rung.workspace(args));
  rung.run(args, workspace.get(), nullptr);
}

struct Param {
  std::string rung;
  DType dtype = DType::kF32;

  friend std::ostream& operator<<(std::ostream& out, const Param& p) {
    return out << p.rung << ' ' << p.dtype;
  }
};

std::string name_of_param(const ::testing::TestParamInfo<Param>& info) {
  return str(info.param.rung, "_", info.param.dtype);
}

template <class Rungs>
std::vector<Param> params(const Rungs& rungs) {
  std::vector<Param> list;
  for (const auto& rung : rungs)
    for (const DType dtype : {DType::kF32, DType::kBF16})
      if (dtype == DType::kBF16 || std::string_view(rung.name).find("mma") == std::string::npos)
        list.push_back({rung.name, dtype});
  return list;
}

template <class Rungs>
const auto& named(const Rungs& rungs, const std::string& name) {
  for (const auto& rung : rungs)
    if (name == rung.name) return rung;
  throw Error("no rung is named " + name);
}

// Forward.

class Conv2dSimForward : public ::testing::TestWithParam<Param> {
 protected:
  void check(bool exact, DType y_dtype) {
    const auto& rung = named(conv2d_cuda_forward_rungs(), GetParam().rung);
    int ran = 0;
    for (const Case& test_case : cases()) ran += check_case(rung, exact, y_dtype, test_case);
    EXPECT_GT(ran, 0);
  }

 private:
  bool check_case(const Conv2dCudaRung<Conv2dCudaForward>& rung,
                  bool exact,
                  DType y_dtype,
                  const Case& test_case) {
    const auto& [t, epilogue] = test_case;
    const DType dtype = GetParam().dtype;
    Tensor x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
    Tensor residual(t.a_shape(), dtype), y(epilogue.y_shape(t), y_dtype);
    const Conv2dCudaForward args = {.problem = t,
                                    .epilogue = epilogue,
                                    .dtype = dtype,
                                    .y_dtype = y_dtype,
                                    .x = x.as(),
                                    .w = w.as(),
                                    .b = b.as<float>(),
                                    .residual = residual.as(),
                                    .y = y.as()};
    if (!rung.accepts(args, kChip)) return false;
    const Values x_values = x.set(inputs(exact, t.x_shape(), 1));
    const Values w_values = w.set(inputs(exact, t.w_shape(), 2));
    const Values b_values = b.set(inputs(exact, {t.k}, 3));
    const Values residual_values = residual.set(inputs(exact, t.a_shape(), 4));
    RefTensor expected =
        ref::conv2d_forward(t, epilogue, x_values, w_values, b_values, residual_values);
    if (exact) round_to(y_dtype, expected);
    run(rung, args);
    EXPECT_TRUE(within(y.back(), expected, any_order(exact, int64_t{t.r} * t.s * t.c))) << t;
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
                         ::testing::ValuesIn(params(conv2d_cuda_forward_rungs())),
                         name_of_param);

// Backward of the epilogue.

class Conv2dSimBackwardEpilogue : public ::testing::TestWithParam<Param> {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& rung = named(conv2d_cuda_backward_epilogue_rungs(), GetParam().rung);
    for (const Case& test_case : cases()) {
      const auto& [t, epilogue] = test_case;
      const DType dtype = GetParam().dtype;
      const Shape y_shape = epilogue.y_shape(t);
      Tensor y(y_shape, dtype), dy(y_shape, dtype), da(t.a_shape(), dtype), db({t.k}, DType::kF32);
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
                                               .y = y.as(),
                                               .dy = dy.as(),
                                               .da = da.as(),
                                               .db = db.as<float>(),
                                               .accumulate_db = accumulate};
      ASSERT_TRUE(rung.accepts(args, kChip));
      run(rung, args);
      EXPECT_TRUE(within(da.back(), da_expected, any_order(exact, 1))) << t;
      EXPECT_TRUE(within(db.back(), db_expected, any_order(exact, t.a_shape().rows()))) << t;
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
  const Conv2dProblem t = same(2, 5, 3, 8, 24, 3, 1);
  Tensor dy(t.a_shape(), GetParam().dtype), db({t.k}, DType::kF32);
  const Values values = dy.set(inputs(true, t.a_shape(), 1));
  run(rung, Conv2dCudaBackwardEpilogue{.problem = t,
                                       .dtype = GetParam().dtype,
                                       .dy = dy.as(),
                                       .da = dy.as(),
                                       .db = db.as<float>()});
  const auto expected = ref::conv2d_backward_epilogue(t, {}, values, values);
  EXPECT_TRUE(within(dy.back(), expected.da, {.exact = true}));
  EXPECT_TRUE(within(db.back(), expected.db, {.exact = true}));
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardEpilogue,
                         ::testing::ValuesIn(params(conv2d_cuda_backward_epilogue_rungs())),
                         name_of_param);

// Backward to the data.

class Conv2dSimBackwardData : public ::testing::TestWithParam<Param> {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& rung = named(conv2d_cuda_backward_data_rungs(), GetParam().rung);
    const DType dtype = GetParam().dtype;
    int ran = 0;
    for (const Case& test_case : cases()) {
      const Conv2dProblem& t = test_case.problem;
      Tensor da(t.a_shape(), dtype), w(t.w_shape(), dtype), dx(t.x_shape(), dtype);
      const Conv2dCudaBackwardData args = {.problem = t,
                                           .dtype = dtype,
                                           .da = da.as(),
                                           .w = w.as(),
                                           .dx = dx.as(),
                                           .accumulate = accumulate};
      if (!rung.accepts(args, kChip)) continue;
      ++ran;
      const Values da_values = da.set(inputs(exact, t.a_shape(), 1));
      const Values w_values = w.set(inputs(exact, t.w_shape(), 2));
      const Values start = accumulate ? dx.set(inputs(exact, t.x_shape(), 3)) : Values();
      RefTensor expected = ref::conv2d_backward_data(t, da_values, w_values);
      add_to(expected, start);
      if (exact) round_to(dtype, expected);
      run(rung, args);
      EXPECT_TRUE(within(dx.back(), expected, any_order(exact, int64_t{t.r} * t.s * t.k))) << t;
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

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardData,
                         ::testing::ValuesIn(params(conv2d_cuda_backward_data_rungs())),
                         name_of_param);

// Backward to the weights.

class Conv2dSimBackwardWeight : public ::testing::TestWithParam<Param> {
 protected:
  void check(bool exact, bool accumulate) {
    const auto& rung = named(conv2d_cuda_backward_weight_rungs(), GetParam().rung);
    const DType dtype = GetParam().dtype;
    int ran = 0;
    for (const Case& test_case : cases()) {
      const Conv2dProblem& t = test_case.problem;
      Tensor x(t.x_shape(), dtype), da(t.a_shape(), dtype), dw(t.w_shape(), DType::kF32);
      const Conv2dCudaBackwardWeight args = {.problem = t,
                                             .dtype = dtype,
                                             .x = x.as(),
                                             .da = da.as(),
                                             .dw = dw.as<float>(),
                                             .accumulate = accumulate};
      if (!rung.accepts(args, kChip)) continue;
      ++ran;
      const Values x_values = x.set(inputs(exact, t.x_shape(), 1));
      const Values da_values = da.set(inputs(exact, t.a_shape(), 2));
      const Values start = accumulate ? dw.set(inputs(exact, t.w_shape(), 3)) : Values();
      RefTensor expected = ref::conv2d_backward_weight(t, x_values, da_values);
      add_to(expected, start);
      run(rung, args);
      EXPECT_TRUE(within(dw.back(), expected, any_order(exact, t.a_shape().rows()))) << t;
    }
    EXPECT_GT(ran, 0);
  }
};

TEST_P(Conv2dSimBackwardWeight, EqualsReferenceOnIntegers) {
  check(true, true);
}

TEST_P(Conv2dSimBackwardWeight, StaysWithinBoundOnReals) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  check(false, false);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimBackwardWeight,
                         ::testing::ValuesIn(params(conv2d_cuda_backward_weight_rungs())),
                         name_of_param);

// The three passes are one bilinear form: <conv(x), da> = <x, backward_data(da)> =
// <w, backward_weight(da)>.

double dot(const Values& a, const Values& b, double& magnitude) {
  double sum = 0;
  magnitude = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += a[i] * b[i];
    magnitude += std::abs(a[i] * b[i]);
  }
  return sum;
}

template <class Args>
const Conv2dCudaRung<Args>* rung_for(std::span<const Conv2dCudaRung<Args>> rungs,
                                     const std::string& name,
                                     const Args& args) {
  for (const auto& rung : rungs)
    if (name == rung.name && rung.accepts(args, kChip)) return &rung;
  return nullptr;
}

// The rungs that every pass has.
std::vector<Param> params_of_all_passes() {
  std::vector<Param> list;
  for (const Param& p : params(conv2d_cuda_forward_rungs())) {
    const auto has = [&](const auto& rungs) {
      for (const auto& rung : rungs)
        if (p.rung == rung.name) return true;
      return false;
    };
    if (has(conv2d_cuda_backward_data_rungs()) && has(conv2d_cuda_backward_weight_rungs()))
      list.push_back(p);
  }
  return list;
}

class Conv2dSimAdjoint : public ::testing::TestWithParam<Param> {};

TEST_P(Conv2dSimAdjoint, HoldsBetweenThePasses) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  const auto& [name, dtype] = GetParam();
  int ran = 0;
  for (const Case& test_case : cases()) {
    const Conv2dProblem& t = test_case.problem;
    Tensor x(t.x_shape(), dtype), w(t.w_shape(), dtype), da(t.a_shape(), dtype);
    Tensor y(t.a_shape(), DType::kF32), dx(t.x_shape(), dtype), dw(t.w_shape(), DType::kF32);
    const Conv2dCudaForward forward = {t,      {},      dtype,   DType::kF32, x.as(),
                                       w.as(), nullptr, nullptr, y.as()};
    const Conv2dCudaBackwardData data = {t, dtype, da.as(), w.as(), dx.as(), false};
    const Conv2dCudaBackwardWeight weight = {t, dtype, x.as(), da.as(), dw.as<float>(), false};
    const auto* forward_rung = rung_for(conv2d_cuda_forward_rungs(), name, forward);
    const auto* data_rung = rung_for(conv2d_cuda_backward_data_rungs(), name, data);
    const auto* weight_rung = rung_for(conv2d_cuda_backward_weight_rungs(), name, weight);
    if (!forward_rung || !data_rung || !weight_rung) continue;
    const Values x_values = x.set(inputs(false, t.x_shape(), 1));
    const Values w_values = w.set(inputs(false, t.w_shape(), 2));
    const Values da_values = da.set(inputs(false, t.a_shape(), 3));
    ++ran;
    run(*forward_rung, forward);
    run(*data_rung, data);
    run(*weight_rung, weight);
    double y_size, dx_size, dw_size;
    const double through_y = dot(y.values(), da_values, y_size);
    const double through_dx = dot(dx.values(), x_values, dx_size);
    const double through_dw = dot(dw.values(), w_values, dw_size);
    // Sums err by their length, dx also by its store.
    const double sums = 0x1p-24 * (t.a_shape().rows() + int64_t{t.r} * t.s * (t.c + t.k) + 8);
    EXPECT_NEAR(through_y, through_dw, sums * (y_size + dw_size) * 4) << t;
    EXPECT_NEAR(through_y, through_dx,
                sums * (y_size + dx_size) * 4 + unit_roundoff(dtype) * dx_size)
        << t;
  }
  EXPECT_GT(ran, 0);
}

INSTANTIATE_TEST_SUITE_P(Conv2d,
                         Conv2dSimAdjoint,
                         ::testing::ValuesIn(params_of_all_passes()),
                         name_of_param);

// The choice.

TEST(Conv2dSimPick, TakesTheForcedRung) {
  const ForceVariant forced("conv2d_forward", "naive");
  const Conv2dCudaForward args = {.problem = same(1, 8, 8, 64, 64, 3, 1)};
  EXPECT_STREQ(pick_conv2d_cuda(args, kChip).name, "naive");
}

TEST(Conv2dSimPick, RefusesWhatOverflowsItsIndices) {
  const Conv2dCudaForward args = {.problem = same(2048, 1024, 1024, 64, 64, 3, 1)};
  EXPECT_THROW(pick_conv2d_cuda(args, kChip), Error);
}

}  // namespace
}  // namespace diptych
