// Operations and bytes of every pass.
// SPDX-License-Identifier: MIT
#include "bench/layers/work.h"

#include <algorithm>

namespace diptych {

namespace {

double bytes_of(const Shape& shape, DType dtype) {
  return static_cast<double>(shape.numel()) * static_cast<double>(size_of(dtype));
}

}  // namespace

const char* name_of(LayerPass pass) {
  static constexpr const char* kNames[] = {"forward",         "backward_epilogue",
                                           "backward_data",   "backward_data_below",
                                           "backward_weight", "backward_bias"};
  return kNames[static_cast<int>(pass)];
}

Work work_of(LayerPass pass,
             const Conv2dProblem& t,
             const Conv2dEpilogue& epilogue,
             DType dtype,
             DType y_dtype) {
  const double x = bytes_of(t.x_shape(), dtype), w = bytes_of(t.w_shape(), dtype);
  const double a = bytes_of(t.a_shape(), dtype), k = 4.0 * t.k;
  const double values = static_cast<double>(t.a_shape().numel());
  switch (pass) {
    case LayerPass::kForward:
      return {t.flops(), x + w + bytes_of(t.a_shape(), y_dtype) + (epilogue.bias ? k : 0) +
                             (epilogue.residual ? a : 0)};
    case LayerPass::kBackwardEpilogue:  // y only for the sign of the activation
      return {2 * values, bytes_of(t.a_shape(), y_dtype) + a + k +
                              (epilogue.leaky_slope != 1.0f ? bytes_of(t.a_shape(), y_dtype) : 0)};
    case LayerPass::kBackwardData:
      return {t.flops(), a + w + x};
    case LayerPass::kBackwardDataBelow:  // x for the sign of the activation
      return {t.flops() + static_cast<double>(t.x_shape().numel()), a + w + 2 * x};
    case LayerPass::kBackwardWeight:
      return {t.flops() + values, x + a + bytes_of(t.w_shape(), DType::kF32) + k};
    default:
      return {};
  }
}

Work work_of(LayerPass pass, const DenseProblem& p, DType dtype) {
  const double x = bytes_of({p.m, p.in}, dtype), y = bytes_of({p.m, p.out}, dtype);
  const double w = bytes_of({p.out, p.in}, dtype), b = 4.0 * p.out;
  switch (pass) {
    case LayerPass::kForward:
      return {p.flops(), x + w + y + b};
    case LayerPass::kBackwardData:
      return {p.flops(), y + w + x};
    case LayerPass::kBackwardWeight:
      return {p.flops(), x + y + bytes_of({p.out, p.in}, DType::kF32)};
    default:
      return {static_cast<double>(p.m) * p.out, y + b};
  }
}

Floor floor_of(const Work& work, const Peaks& peaks) {
  const double arithmetic = 1e3 * work.flops / peaks.flops_per_s;
  const double memory = 1e3 * work.bytes / peaks.bytes_per_s;
  return {std::max(arithmetic, memory), memory > arithmetic};
}

}  // namespace diptych
