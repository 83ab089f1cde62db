// cast: checks.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast.h"

namespace diptych {

void cast_cpu(View x, GradView y);                     // cast_cpu.cpp
void cast_device(Stream& stream, View x, GradView y);  // cast_device.cpp

void cast(Stream& stream, View x, MutView y) {
  DIPTYCH_CHECK(x.shape == y.shape, "cast: x is ", x, ", y is ", y);
  if (stream.on_device()) return cast_device(stream, x, {y, GradMode::kOverwrite});
  cast_cpu(x, {y, GradMode::kOverwrite});
}

void cast_backward(Stream& stream, View dy, GradView dx) {
  DIPTYCH_CHECK(dy.shape == dx.shape, "cast_backward: dy is ", dy, ", dx is ", dx);
  if (stream.on_device()) return cast_device(stream, dy, dx);
  cast_cpu(dy, dx);
}

}  // namespace diptych
