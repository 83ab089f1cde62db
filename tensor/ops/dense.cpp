// dense on the tape.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

Tensor dense(const Tensor& x, const Tensor& w, const Tensor& b) {
  const OpTimer timer("dense");
  DIPTYCH_CHECK(w.shape().rank() == 2, "dense: w ", w.shape(), ", expected (out,in)");
  Tensor y = Tensor::empty({x.shape()[0], w.shape()[0]}, x.dtype());
  dense_forward(current_stream(), x, w, b, y);
  record("dense", {&x, &w, &b}, y, [=](const Tensor& dy) {
    Stream& stream = current_stream();
    if (x.needs_grad()) dense_backward_data(stream, dy, w, x.grad_view());
    if (w.needs_grad()) dense_backward_weight(stream, x, dy, w.grad_view());
    if (b.needs_grad()) dense_backward_bias(stream, dy, b.grad_view());
  });
  return y;
}

}  // namespace diptych
