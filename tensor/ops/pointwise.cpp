// Pointwise ops and pixel norm on the tape.
// SPDX-License-Identifier: MIT
#include "kernels/add/add.h"
#include "kernels/cast/cast.h"
#include "kernels/pixel_norm/pixel_norm.h"
#include "kernels/sigmoid/sigmoid.h"
#include "kernels/x_cos_x/x_cos_x.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

Tensor add(const Tensor& a, const Tensor& b) {
  const OpTimer timer("add");
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  add_forward(current_stream(), a, b, y);
  record("add", {&a, &b}, y, [=](const Tensor& dy) {
    if (a.needs_grad()) add_scaled(current_stream(), 1.0f, dy, a.grad_view());
    if (b.needs_grad()) add_scaled(current_stream(), 1.0f, dy, b.grad_view());
  });
  return y;
}

Tensor sigmoid(const Tensor& x) {
  const OpTimer timer("sigmoid");
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  sigmoid_forward(current_stream(), x, y);
  const Tensor saved_y = y.detach();
  record("sigmoid", {&x}, y,
         [=](const Tensor& dy) { sigmoid_backward(current_stream(), saved_y, dy, x.grad_view()); });
  return y;
}

Tensor x_cos_x(const Tensor& x) {
  const OpTimer timer("x_cos_x");
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  x_cos_x_forward(current_stream(), x, y);
  record("x_cos_x", {&x}, y,
         [=](const Tensor& dy) { x_cos_x_backward(current_stream(), x, dy, x.grad_view()); });
  return y;
}

Tensor pixel_norm(const Tensor& x) {
  const OpTimer timer("pixel_norm");
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const Tensor inverse_norm = Tensor::empty({x.shape()[0]});
  pixel_norm_forward(current_stream(), x, y, inverse_norm);
  record("pixel_norm", {&x}, y, [=](const Tensor& dy) {
    pixel_norm_backward(current_stream(), x, inverse_norm, dy, x.grad_view());
  });
  return y;
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const OpTimer timer("cast");
  Tensor y = Tensor::empty(x.shape(), dtype);
  cast(current_stream(), x, y);
  record("cast", {&x}, y,
         [=](const Tensor& dy) { cast_backward(current_stream(), dy, x.grad_view()); });
  return y;
}

}  // namespace diptych
