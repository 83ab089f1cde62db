// pixel_loss: checks.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss.h"

#include "kernels/pixel_loss/pixel_loss_cpu.h"
#include "kernels/pixel_loss/pixel_loss_cuda.h"

namespace diptych {

void pixel_error_device(Stream& stream,  // pixel_loss_device.cpp
                        PixelErrorPower power,
                        View target,
                        View prediction,
                        View mask,
                        MutView loss);
void pixel_error_backward_device(Stream& stream,
                                 PixelErrorPower power,
                                 View target,
                                 View prediction,
                                 View mask,
                                 View dloss,
                                 GradView dprediction);
void mul_mask_device(Stream& stream, View x, View mask, GradView y);

namespace {

void check_pair(const char* op, View a, View b) {
  DIPTYCH_CHECK(a.shape.rank() >= 1 && a.shape == b.shape, op, ": expected one shape (N,...), got ",
                a, " and ", b);
  DIPTYCH_CHECK(a.dtype == DType::kF32 && b.dtype == DType::kF32, op, ": expected f32, got ", a,
                " and ", b);
  DIPTYCH_CHECK(a.shape[0] == 0 || a.shape.numel() > 0, op, ": samples of ", a, " are empty");
}

void check_loss(const char* op, View x, View loss) {
  DIPTYCH_CHECK(loss.shape == Shape{x.shape[0]} && loss.dtype == DType::kF32, op,
                ": one f32 value per sample of ", x, ", got ", loss);
}

void check_mask(const char* op, View x, View mask) {
  const bool fits = x.shape.rank() == 4 &&
                    mask.shape == Shape{x.shape[0], x.shape[1], x.shape[2], 1} &&
                    mask.dtype == DType::kF32;
  DIPTYCH_CHECK(fits, op, ": mask is ", mask, " for ", x, ", expected (N,H,W,1) f32");
}

void check_error(const char* op, View target, View prediction, View mask, View loss) {
  check_pair(op, target, prediction);
  check_loss(op, target, loss);
  if (mask.defined()) check_mask(op, target, mask);
}

PixelErrorPower power_of(PixelError kind) {
  return kind == PixelError::kSquared ? PixelErrorPower::kSquared : PixelErrorPower::kAbsolute;
}

void pixel_error(
    Stream& stream, PixelError kind, View target, View prediction, View mask, MutView loss) {
  if (!stream.on_device()) return pixel_error_cpu(stream, kind, target, prediction, mask, loss);
  pixel_error_device(stream, power_of(kind), target, prediction, mask, loss);
}

void pixel_error_backward(Stream& stream,
                          PixelError kind,
                          View target,
                          View prediction,
                          View mask,
                          View dloss,
                          GradView dprediction) {
  if (!stream.on_device())
    return pixel_error_backward_cpu(kind, target, prediction, mask, dloss, dprediction);
  pixel_error_backward_device(stream, power_of(kind), target, prediction, mask, dloss, dprediction);
}

void mul_mask(Stream& stream, View x, View mask, GradView y) {
  if (!stream.on_device()) return mul_mask_cpu(x, mask, y);
  mul_mask_device(stream, x, mask, y);
}

void bce(Stream& stream, View logits, View labels, float label, MutView loss) {
  if (!stream.on_device()) return bce_cpu(stream, logits, labels, label, loss);
  bce_logits_cuda(stream.cuda(), logits, labels, label, loss,
                  stream.workspace(pixel_terms_workspace(logits)));
}

void bce_backward(
    Stream& stream, View logits, View labels, float label, View dloss, GradView dlogits) {
  if (!stream.on_device()) return bce_backward_cpu(logits, labels, label, dloss, dlogits);
  bce_logits_backward_cuda(stream.cuda(), logits, labels, label, dloss, dlogits);
}

void check_picture(const char* op, View x, View loss) {
  DIPTYCH_CHECK(x.shape.rank() == 4 && x.dtype == DType::kF32, op, ": expected (N,H,W,C) f32, got ",
                x);
  check_loss(op, x, loss);
}

}  // namespace

void squared_error_forward(Stream& stream, View target, View prediction, View mask, MutView loss) {
  check_error("squared_error_forward", target, prediction, mask, loss);
  pixel_error(stream, PixelError::kSquared, target, prediction, mask, loss);
}

void squared_error_backward(
    Stream& stream, View target, View prediction, View mask, View dloss, GradView dprediction) {
  check_error("squared_error_backward", target, prediction, mask, dloss);
  check_pair("squared_error_backward", target, dprediction);
  pixel_error_backward(stream, PixelError::kSquared, target, prediction, mask, dloss, dprediction);
}

void absolute_error_forward(Stream& stream, View target, View prediction, View mask, MutView loss) {
  check_error("absolute_error_forward", target, prediction, mask, loss);
  pixel_error(stream, PixelError::kAbsolute, target, prediction, mask, loss);
}

void absolute_error_backward(
    Stream& stream, View target, View prediction, View mask, View dloss, GradView dprediction) {
  check_error("absolute_error_backward", target, prediction, mask, dloss);
  check_pair("absolute_error_backward", target, dprediction);
  pixel_error_backward(stream, PixelError::kAbsolute, target, prediction, mask, dloss, dprediction);
}

void mul_mask_forward(Stream& stream, View x, View mask, MutView y) {
  check_pair("mul_mask_forward", x, y);
  check_mask("mul_mask_forward", x, mask);
  mul_mask(stream, x, mask, {y, GradMode::kOverwrite});
}

void mul_mask_backward(Stream& stream, View dy, View mask, GradView dx) {
  check_pair("mul_mask_backward", dy, dx);
  check_mask("mul_mask_backward", dy, mask);
  mul_mask(stream, dy, mask, dx);
}

void bce_logits_forward(Stream& stream, View logits, View labels, MutView loss) {
  check_pair("bce_logits_forward", logits, labels);
  check_loss("bce_logits_forward", logits, loss);
  bce(stream, logits, labels, 0, loss);
}

void bce_logits_forward(Stream& stream, View logits, float label, MutView loss) {
  check_pair("bce_logits_forward", logits, logits);
  check_loss("bce_logits_forward", logits, loss);
  bce(stream, logits, {}, label, loss);
}

void bce_logits_backward(Stream& stream, View logits, View labels, View dloss, GradView dlogits) {
  check_pair("bce_logits_backward", logits, labels);
  check_pair("bce_logits_backward", logits, dlogits);
  check_loss("bce_logits_backward", logits, dloss);
  bce_backward(stream, logits, labels, 0, dloss, dlogits);
}

void bce_logits_backward(Stream& stream, View logits, float label, View dloss, GradView dlogits) {
  check_pair("bce_logits_backward", logits, dlogits);
  check_loss("bce_logits_backward", logits, dloss);
  bce_backward(stream, logits, {}, label, dloss, dlogits);
}

void total_variation_forward(Stream& stream, TotalVariation form, View x, MutView loss) {
  check_picture("total_variation_forward", x, loss);
  if (!stream.on_device()) return total_variation_cpu(stream, form, x, loss);
  total_variation_cuda(stream.cuda(), form, x, loss, stream.workspace(pixel_terms_workspace(x)));
}

void total_variation_backward(
    Stream& stream, TotalVariation form, View x, View dloss, GradView dx) {
  check_picture("total_variation_backward", x, dloss);
  check_pair("total_variation_backward", x, dx);
  if (!stream.on_device()) return total_variation_backward_cpu(stream, form, x, dloss, dx);
  total_variation_backward_cuda(stream.cuda(), form, x, dloss, dx);
}

}  // namespace diptych
