// cast: checks.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast.h"

namespace diptych {

void cast_cpu(View x, GradView y);  // cast_cpu.cpp

void cast([[maybe_unused]] Stream& stream, View x, MutView y) {
  DIPTYCH_CHECK(x.shape == y.shape, "cast: x is ", x, ", y is ", y);
  cast_cpu(x, {y, GradMode::kOverwrite});
}

void cast_backward([[maybe_unused]] Stream& stream, View dy, GradView dx) {
  DIPTYCH_CHECK(dy.shape == dx.shape, "cast_backward: dy is ", dy, ", dx is ", dx);
  cast_cpu(dy, dx);
}

}  // namespace diptych
