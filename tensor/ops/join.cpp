// Joining and cutting tensors on the tape: concat, slice, depth_to_space.
// SPDX-License-Identifier: MIT
#include "kernels/concat/concat.h"
#include "kernels/depth_to_space/depth_to_space.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

GradView grad_or_none(const Tensor& t) {
  return t.needs_grad() ? t.grad_view() : GradView{};
}

Shape with_batch(const Shape& shape, int64_t n) {
  switch (shape.rank()) {
    case 1:
      return {n};
    case 2:
      return {n, shape[1]};
    case 3:
      return {n, shape[1], shape[2]};
    default:
      return {n, shape[1], shape[2], shape[3]};
  }
}

}  // namespace

Tensor concat_channels(const Tensor& a, const Tensor& b) {
  const OpTimer timer("concat_channels");
  const Shape& s = a.shape();
  DIPTYCH_CHECK(s.rank() == 4 && b.shape().rank() == 4, "concat_channels: a ", s, ", b ", b.shape(),
                ", expected (N,H,W,C)");
  Tensor y = Tensor::empty({s[0], s[1], s[2], s[3] + b.shape()[3]}, a.dtype());
  concat_channels_forward(current_stream(), a, b, y);
  record("concat_channels", {&a, &b}, y, [=](const Tensor& dy) {
    if (a.slot() == b.slot()) {  // the same tensor twice: one slot, one writer after the other
      concat_channels_backward(current_stream(), dy, grad_or_none(a), {});
      concat_channels_backward(current_stream(), dy, {}, grad_or_none(b));
    } else {
      concat_channels_backward(current_stream(), dy, grad_or_none(a), grad_or_none(b));
    }
  });
  return y;
}

Tensor concat_batch(const Tensor& a, const Tensor& b) {
  const OpTimer timer("concat_batch");
  Tensor y = Tensor::empty(with_batch(a.shape(), a.shape()[0] + b.shape()[0]), a.dtype());
  concat_batch_forward(current_stream(), a, b, y);
  record("concat_batch", {&a, &b}, y, [=](const Tensor& dy) {
    concat_batch_backward(current_stream(), dy, grad_or_none(a), grad_or_none(b));
  });
  return y;
}

Tensor slice_batch(const Tensor& x, int64_t begin, int64_t end) {
  DIPTYCH_CHECK(begin >= 0 && begin < end && end <= x.shape()[0], "slice_batch: [", begin, ',', end,
                ") of ", x.shape());
  const Shape shape = with_batch(x.shape(), end - begin);
  const int64_t sample = x.numel() / x.shape()[0];
  Tensor y = x.part(begin * sample, shape);  // samples are contiguous: no copy
  record("slice_batch", {&x}, y, [=](const Tensor& dy) {
    slice_batch_backward(current_stream(), dy, begin, x.grad_view());
  });
  return y;
}

Tensor depth_to_space(const Tensor& x) {
  const OpTimer timer("depth_to_space");
  Tensor y = Tensor::empty(depth_to_space_shape(x.shape()), x.dtype());
  depth_to_space_forward(current_stream(), x, y);
  record("depth_to_space", {&x}, y,
         [=](const Tensor& dy) { depth_to_space_backward(current_stream(), dy, x.grad_view()); });
  return y;
}

}  // namespace diptych
