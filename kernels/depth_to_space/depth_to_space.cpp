// depth_to_space: shapes and checks.
// SPDX-License-Identifier: MIT
#include "kernels/depth_to_space/depth_to_space.h"

namespace diptych {

// depth_to_space_cpu.cpp: `deep` is the (N,H,W,C) side, `wide` the (N,2H,2W,C/4) side.
void depth_to_space_cpu(View deep, GradView wide);
void space_to_depth_cpu(View wide, GradView deep);

void depth_to_space_device(Stream& stream, View deep, GradView wide);  // depth_to_space_device.cpp
void space_to_depth_device(Stream& stream, View wide, GradView deep);

namespace {

void check(const char* op, const Shape& expected, View x, View y) {
  DIPTYCH_CHECK(y.shape == expected && x.dtype == y.dtype, op, ": from ", x, " comes ", expected,
                " of the same dtype, the output is ", y);
}

}  // namespace

Shape depth_to_space_shape(const Shape& x) {
  DIPTYCH_CHECK(x.rank() == 4 && x[3] % 4 == 0, "depth_to_space: ", x,
                ", expected (N,H,W,C) with C a multiple of 4");
  return {x[0], 2 * x[1], 2 * x[2], x[3] / 4};
}

Shape space_to_depth_shape(const Shape& x) {
  DIPTYCH_CHECK(x.rank() == 4 && x[1] % 2 == 0 && x[2] % 2 == 0, "space_to_depth: ", x,
                ", expected (N,H,W,C) with H and W even");
  return {x[0], x[1] / 2, x[2] / 2, 4 * x[3]};
}

void depth_to_space_forward(Stream& stream, View x, MutView y) {
  check("depth_to_space_forward", depth_to_space_shape(x.shape), x, y);
  if (stream.on_device()) return depth_to_space_device(stream, x, {y, GradMode::kOverwrite});
  depth_to_space_cpu(x, {y, GradMode::kOverwrite});
}

void depth_to_space_backward(Stream& stream, View dy, GradView dx) {
  check("depth_to_space_backward", space_to_depth_shape(dy.shape), dy, dx);
  if (stream.on_device()) return space_to_depth_device(stream, dy, dx);
  space_to_depth_cpu(dy, dx);
}

void space_to_depth_forward(Stream& stream, View x, MutView y) {
  check("space_to_depth_forward", space_to_depth_shape(x.shape), x, y);
  if (stream.on_device()) return space_to_depth_device(stream, x, {y, GradMode::kOverwrite});
  space_to_depth_cpu(x, {y, GradMode::kOverwrite});
}

void space_to_depth_backward(Stream& stream, View dy, GradView dx) {
  check("space_to_depth_backward", depth_to_space_shape(dy.shape), dy, dx);
  if (stream.on_device()) return depth_to_space_device(stream, dy, dx);
  depth_to_space_cpu(dy, dx);
}

}  // namespace diptych
