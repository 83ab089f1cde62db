// conv2d with its epilogue on the tape.
// SPDX-License-Identifier: MIT
#include "kernels/add/add.h"
#include "kernels/cast/cast.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

// Gradient before the epilogue, in the dtype of x: heads store f32 from bf16 inputs.
Tensor undo_epilogue(const Conv2dProblem& problem,
                     const Conv2dEpilogue& epilogue,
                     const Tensor& y,
                     const Tensor& dy,
                     const Tensor& b,
                     DType dtype) {
  Stream& stream = current_stream();
  const GradView db = b.needs_grad() ? b.grad_view() : GradView{};
  const bool plain = epilogue.leaky_slope == 1.0f && !epilogue.depth_to_space;
  const Tensor da =
      plain ? dy.reshape(problem.a_shape()) : Tensor::empty(problem.a_shape(), dy.dtype());
  if (!plain || db.defined()) conv2d_backward_epilogue(stream, problem, epilogue, y, dy, da, db);
  if (da.dtype() == dtype) return da;
  const Tensor converted = Tensor::empty(da.shape(), dtype);
  cast(stream, da, converted);
  return converted;
}

}  // namespace

Tensor conv2d(const Tensor& x,
              const Tensor& w,
              const Tensor& b,
              const Tensor& residual,
              const Conv2dBlock& block) {
  const OpTimer timer("conv2d");
  const Conv2dProblem problem = make_conv2d_problem(x.shape(), w.shape(), block.options);
  const Conv2dEpilogue epilogue = {.bias = b.defined(),
                                   .residual = residual.defined(),
                                   .leaky_slope = block.leaky_slope,
                                   .depth_to_space = block.depth_to_space};
  Tensor y = Tensor::empty(epilogue.y_shape(problem), block.out_dtype);
  conv2d_forward(current_stream(), problem, epilogue, x, w, b, residual, y);
  // y is saved for the sign of the activation alone; without one the closure keeps nothing of it.
  const Tensor saved_y = epilogue.leaky_slope == 1.0f ? Tensor() : y.detach();
  record("conv2d", {&x, &w, &b, &residual}, y, [=](const Tensor& dy) {
    Stream& stream = current_stream();
    const Tensor da = undo_epilogue(problem, epilogue, saved_y, dy, b, x.dtype());
    if (x.needs_grad()) conv2d_backward_data(stream, problem, da, w, x.grad_view());
    if (w.needs_grad()) conv2d_backward_weight(stream, problem, x, da, w.grad_view());
    if (residual.needs_grad() && !residual.slot()->adopt(da.storage(), da.data(), da.dtype())) {
      add_scaled(stream, 1.0f, da, residual.grad_view());
    }
  });
  return y;
}

}  // namespace diptych
