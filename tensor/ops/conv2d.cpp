// conv2d with its epilogue on the tape.
// SPDX-License-Identifier: MIT
#include <utility>

#include "kernels/add/add.h"
#include "tensor/ops.h"
#include "tensor/ops/store_undo.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

// What backward needs to know of a call.
struct Call {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue;
  DType y_dtype;
  Tensor y;                         // for the sign of the activation; undefined without one
  std::shared_ptr<StoreUndo> undo;  // or null
};

// Gradient before the epilogue, in y's dtype. db is summed on the way when it is defined.
Tensor undo_epilogue(Stream& stream, const Call& call, const Tensor& dy, GradView db) {
  if (!dy.defined()) {  // the last reader of y has done it
    const Tensor da = std::exchange(call.undo->da, {});
    if (db.defined()) conv2d_backward_epilogue(stream, call.problem, {}, {}, da, da, db);
    return da;
  }
  const Conv2dEpilogue& e = call.epilogue;
  const bool plain = e.leaky_slope == 1.0f && !e.depth_to_space;
  const Shape shape = call.problem.a_shape();
  const Tensor da = plain ? dy.reshape(shape) : Tensor::empty(shape, dy.dtype());
  if (!plain || db.defined()) conv2d_backward_epilogue(stream, call.problem, e, call.y, dy, da, db);
  return da;
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
  const Call call = {problem, epilogue, y.dtype(),
                     epilogue.leaky_slope == 1.0f ? Tensor() : y.detach(),
                     make_store_undo(epilogue, problem.a_shape())};
  record("conv2d", {&x, &w, &b, &residual}, y, [=](const Tensor& dy) {
    Stream& stream = current_stream();
    GradView db = b.needs_grad() ? b.grad_view() : GradView{};
    // The pass that reads da for dw sums it for db, too, unless da has been rounded by then.
    const bool with_dw =
        db.defined() && w.needs_grad() && call.y_dtype == x.dtype() && conv2d_undoes_below(stream);
    const Tensor da =
        in_dtype(stream, undo_epilogue(stream, call, dy, with_dw ? GradView{} : db), x.dtype());
    if (x.needs_grad()) conv2d_backward_data_through(stream, problem, da, w, x);
    if (w.needs_grad())
      conv2d_backward_weight(stream, problem, x, da, w.grad_view(), with_dw ? db : GradView{});
    if (residual.needs_grad() && !residual.slot()->adopt(da.storage(), da.data(), da.dtype())) {
      add_scaled(stream, 1.0f, da, residual.grad_view());
    }
  });
  offer_store_undo(y, call.undo);
  return y;
}

}  // namespace diptych
