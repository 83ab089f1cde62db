// pixel_norm: checks.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_norm/pixel_norm.h"

namespace diptych {

void pixel_norm_cpu(View x, MutView y, MutView inverse_norm);  // pixel_norm_cpu.cpp
void pixel_norm_backward_cpu(View x, View inverse_norm, View dy, GradView dx);

void pixel_norm_device(Stream& stream,  // pixel_norm_device.cpp
                       View x,
                       MutView y,
                       MutView inverse_norm);
void pixel_norm_backward_device(Stream& stream, View x, View inverse_norm, View dy, GradView dx);

namespace {

void check(const char* op, View x, View other, View inverse_norm) {
  DIPTYCH_CHECK(x.shape.rank() >= 1 && x.shape == other.shape && x.dtype == other.dtype, op,
                ": expected one shape (N,...) and dtype, got ", x, " and ", other);
  DIPTYCH_CHECK(x.shape[0] == 0 || x.shape.numel() > 0, op, ": samples of ", x, " are empty");
  DIPTYCH_CHECK(inverse_norm.shape == Shape{x.shape[0]} && inverse_norm.dtype == DType::kF32, op,
                ": inverse_norm is ", inverse_norm, " for x ", x, ", expected (N) f32");
}

}  // namespace

void pixel_norm_forward(Stream& stream, View x, MutView y, MutView inverse_norm) {
  check("pixel_norm_forward", x, y, inverse_norm);
  if (stream.on_device()) return pixel_norm_device(stream, x, y, inverse_norm);
  pixel_norm_cpu(x, y, inverse_norm);
}

void pixel_norm_backward(Stream& stream, View x, View inverse_norm, View dy, GradView dx) {
  check("pixel_norm_backward", x, dy, inverse_norm);
  check("pixel_norm_backward", x, dx, inverse_norm);
  DIPTYCH_CHECK(dx.data != x.data, "pixel_norm_backward: dx must not be x");
  if (stream.on_device()) return pixel_norm_backward_device(stream, x, inverse_norm, dy, dx);
  pixel_norm_backward_cpu(x, inverse_norm, dy, dx);
}

}  // namespace diptych
