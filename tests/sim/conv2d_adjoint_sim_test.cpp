// conv2d's three passes on the emulator against each other.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <span>

#include "tests/sim/conv2d_sim_cases.h"

namespace diptych {
namespace {

using ref::Values;

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
    if (name == rung.name && rung.accepts(args, simt::device_chip())) return &rung;
  return nullptr;
}

// The rungs that every pass has.
std::vector<RungParam> params_of_all_passes() {
  std::vector<RungParam> list;
  for (const RungParam& p : rung_params(conv2d_cuda_forward_rungs())) {
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

class Conv2dSimAdjoint : public RungTest {};

TEST_P(Conv2dSimAdjoint, HoldsBetweenThePasses) {
  if (kChecked) GTEST_SKIP() << kWhySkipped;
  const auto& [name, dtype] = GetParam();
  int ran = 0;
  for (const Conv2dCase& test_case : conv2d_sim_cases()) {
    const Conv2dProblem& t = test_case.problem;
    DeviceBuffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), da(t.a_shape(), dtype);
    DeviceBuffer y(t.a_shape(), DType::kF32), dx(t.x_shape(), dtype), dw(t.w_shape(), DType::kF32);
    const Conv2dCudaForward forward = {
        t, {}, dtype, DType::kF32, x.view().data, w.view().data, nullptr, nullptr, y.mut().data};
    const Conv2dCudaBackwardData data = {t, dtype, da.view().data, w.view().data, dx.mut().data};
    const Conv2dCudaBackwardWeight weight = {t, dtype, x.view().data, da.view().data,
                                             dw.mut().as<float>()};
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

}  // namespace
}  // namespace diptych
