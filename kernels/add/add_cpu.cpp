// add on the CPU.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/common/view.h"

namespace diptych {

namespace {

DIPTYCH_CPU_CLONES void sum_row(const float* a, const float* b, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

DIPTYCH_CPU_CLONES void affine_row(
    const float* x, float factor, float offset, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = factor * x[i] + offset;
}

}  // namespace

void add_cpu(View a, View b, MutView y) {
  dispatch_float(y.dtype, [&]<class T>() {
    map_rows(y.shape.numel(), y.as<T>(), false, sum_row, a.as<T>(), b.as<T>());
  });
}

void affine_cpu(float factor, float offset, View x, MutView y) {
  dispatch_float(y.dtype, [&]<class T>() {
    const auto row = [&](const float* from, float* to, int64_t n) {
      affine_row(from, factor, offset, to, n);
    };
    map_rows(y.shape.numel(), y.as<T>(), false, row, x.as<T>());
  });
}

void add_scaled_cpu(float factor, View x, GradView y) {
  dispatch_float(y.dtype, [&]<class T>() {
    // + 0.0f would turn -0 into 0; - 0.0f leaves every value as it is.
    const auto row = [&](const float* from, float* to, int64_t n) {
      affine_row(from, factor, -0.0f, to, n);
    };
    map_rows(y.shape.numel(), y.as<T>(), y.accumulate(), row, x.as<T>());
  });
}

}  // namespace diptych
