// add: checks.
// SPDX-License-Identifier: MIT
#include "kernels/add/add.h"

namespace diptych {

void add_cpu(View a, View b, MutView y);  // add_cpu.cpp
void affine_cpu(float factor, float offset, View x, MutView y);
void add_scaled_cpu(float factor, View x, GradView y);

void add_device(Stream& stream, View a, View b, MutView y);  // add_device.cpp
void affine_device(Stream& stream, float factor, float offset, View x, MutView y);
void add_scaled_device(Stream& stream, float factor, View x, GradView y);

void add_forward(Stream& stream, View a, View b, MutView y) {
  DIPTYCH_CHECK(a.shape == b.shape && a.shape == y.shape, "add_forward: shapes differ; a ", a,
                ", b ", b, ", y ", y);
  DIPTYCH_CHECK(a.dtype == b.dtype && a.dtype == y.dtype, "add_forward: dtypes differ; a ", a,
                ", b ", b, ", y ", y);
  if (stream.on_device()) return add_device(stream, a, b, y);
  add_cpu(a, b, y);
}

void affine_forward(Stream& stream, float factor, float offset, View x, MutView y) {
  DIPTYCH_CHECK(x.shape == y.shape && x.dtype == y.dtype, "affine_forward: x is ", x, ", y is ", y);
  if (stream.on_device()) return affine_device(stream, factor, offset, x, y);
  affine_cpu(factor, offset, x, y);
}

void add_scaled(Stream& stream, float factor, View x, GradView y) {
  DIPTYCH_CHECK(x.shape == y.shape && x.dtype == y.dtype, "add_scaled: x is ", x, ", y is ", y);
  if (stream.on_device()) return add_scaled_device(stream, factor, x, y);
  add_scaled_cpu(factor, x, y);
}

}  // namespace diptych
