// blur: kernel size and checks.
// SPDX-License-Identifier: MIT
#include "kernels/blur/blur.h"

#include <algorithm>

namespace diptych {

void blur_cpu(Stream& stream, View x, double sigma, GradView y);  // blur_cpu.cpp
void soft_mask_cpu(Stream& stream, View mask, double sigma, BlurBorder border, MutView y);
void blur_out_cpu(
    Stream& stream, View target, View mask, double sigma, BlurBorder border, MutView y);

void blur_device(Stream& stream, View x, double sigma, GradView y);  // blur_device.cpp
void soft_mask_device(Stream& stream, View mask, double sigma, BlurBorder border, MutView y);
void blur_out_device(
    Stream& stream, View target, View mask, double sigma, BlurBorder border, MutView y);

namespace {

void check(const char* op, View x, double sigma, View y) {
  DIPTYCH_CHECK(x.shape.rank() == 4 && x.shape == y.shape, op,
                ": expected one shape (N,H,W,C), got ", x, " and ", y);
  DIPTYCH_CHECK(x.dtype == DType::kF32 && y.dtype == DType::kF32, op, ": expected f32, got ", x,
                " and ", y);
  DIPTYCH_CHECK(sigma > 0 && sigma <= kMaxBlurSigma, op, ": sigma = ", sigma,
                ", expected above 0 and at most ", kMaxBlurSigma);
  DIPTYCH_CHECK(x.data != y.data || x.shape.numel() == 0, op, ": the output is the input");
}

}  // namespace

int blur_size(double sigma) {
  const int size = std::max(3, static_cast<int>(4 * sigma));
  return size % 2 == 0 ? size + 1 : size;
}

void blur_forward(Stream& stream, View x, double sigma, MutView y) {
  check("blur_forward", x, sigma, y);
  if (stream.on_device()) return blur_device(stream, x, sigma, {y, GradMode::kOverwrite});
  blur_cpu(stream, x, sigma, {y, GradMode::kOverwrite});
}

void blur_backward(Stream& stream, View dy, double sigma, GradView dx) {
  check("blur_backward", dy, sigma, dx);
  if (stream.on_device()) return blur_device(stream, dy, sigma, dx);
  blur_cpu(stream, dy, sigma, dx);
}

void soft_mask(Stream& stream, View mask, double sigma, BlurBorder border, MutView y) {
  check("soft_mask", mask, sigma, y);
  if (stream.on_device()) return soft_mask_device(stream, mask, sigma, border, y);
  soft_mask_cpu(stream, mask, sigma, border, y);
}

void blur_out(Stream& stream, View target, View mask, double sigma, BlurBorder border, MutView y) {
  check("blur_out", target, sigma, y);
  const Shape& t = target.shape;
  DIPTYCH_CHECK((mask.shape == Shape{t[0], t[1], t[2], 1}) && mask.dtype == DType::kF32,
                "blur_out: mask is ", mask, " for the target ", target, ", expected (N,H,W,1) f32");
  if (stream.on_device()) return blur_out_device(stream, target, mask, sigma, border, y);
  blur_out_cpu(stream, target, mask, sigma, border, y);
}

}  // namespace diptych
