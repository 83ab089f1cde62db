// x_cos_x: checks.
// SPDX-License-Identifier: MIT
#include "kernels/x_cos_x/x_cos_x.h"

namespace diptych {

void x_cos_x_cpu(View x, MutView y);  // x_cos_x_cpu.cpp
void x_cos_x_backward_cpu(View x, View dy, GradView dx);

void x_cos_x_device(Stream& stream, View x, MutView y);  // x_cos_x_device.cpp
void x_cos_x_backward_device(Stream& stream, View x, View dy, GradView dx);

void x_cos_x_forward(Stream& stream, View x, MutView y) {
  DIPTYCH_CHECK(x.shape == y.shape && x.dtype == y.dtype, "x_cos_x_forward: x is ", x, ", y is ",
                y);
  if (stream.on_device()) return x_cos_x_device(stream, x, y);
  x_cos_x_cpu(x, y);
}

void x_cos_x_backward(Stream& stream, View x, View dy, GradView dx) {
  DIPTYCH_CHECK(x.shape == dy.shape && x.shape == dx.shape, "x_cos_x_backward: shapes differ; x ",
                x, ", dy ", dy, ", dx ", dx);
  DIPTYCH_CHECK(x.dtype == dy.dtype && x.dtype == dx.dtype, "x_cos_x_backward: dtypes differ; x ",
                x, ", dy ", dy, ", dx ", dx);
  if (stream.on_device()) return x_cos_x_backward_device(stream, x, dy, dx);
  x_cos_x_backward_cpu(x, dy, dx);
}

}  // namespace diptych
