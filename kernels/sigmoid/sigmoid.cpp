// sigmoid: checks.
// SPDX-License-Identifier: MIT
#include "kernels/sigmoid/sigmoid.h"

namespace diptych {

void sigmoid_cpu(View x, MutView y);  // sigmoid_cpu.cpp
void sigmoid_backward_cpu(View y, View dy, GradView dx);

void sigmoid_device(Stream& stream, View x, MutView y);  // sigmoid_device.cpp
void sigmoid_backward_device(Stream& stream, View y, View dy, GradView dx);

void sigmoid_forward(Stream& stream, View x, MutView y) {
  DIPTYCH_CHECK(x.shape == y.shape && x.dtype == y.dtype, "sigmoid_forward: x is ", x, ", y is ",
                y);
  if (stream.on_device()) return sigmoid_device(stream, x, y);
  sigmoid_cpu(x, y);
}

void sigmoid_backward(Stream& stream, View y, View dy, GradView dx) {
  DIPTYCH_CHECK(y.shape == dy.shape && y.shape == dx.shape, "sigmoid_backward: shapes differ; y ",
                y, ", dy ", dy, ", dx ", dx);
  DIPTYCH_CHECK(y.dtype == dy.dtype && y.dtype == dx.dtype, "sigmoid_backward: dtypes differ; y ",
                y, ", dy ", dy, ", dx ", dx);
  if (stream.on_device()) return sigmoid_backward_device(stream, y, dy, dx);
  sigmoid_backward_cpu(y, dy, dx);
}

}  // namespace diptych
