// Undoing a convolution's store where its gradient is made.
// SPDX-License-Identifier: MIT
#include "tensor/ops/store_undo.h"

#include "kernels/cast/cast.h"

namespace diptych {

std::shared_ptr<StoreUndo> make_store_undo(const Conv2dEpilogue& epilogue, const Shape& a_shape) {
  const bool plain = epilogue.leaky_slope == 1.0f && !epilogue.depth_to_space;
  if (plain || !conv2d_undoes_below(current_stream())) return nullptr;
  return std::make_shared<StoreUndo>(StoreUndo{epilogue, a_shape, {}});
}

void offer_store_undo(const Tensor& y, const std::shared_ptr<StoreUndo>& undo) {
  if (y.needs_grad()) y.slot()->store_undo = undo;
}

void conv2d_backward_data_through(Stream& stream,
                                  const Conv2dProblem& problem,
                                  const Tensor& da,
                                  const Tensor& w,
                                  const Tensor& x) {
  GradSlot& slot = *x.slot();
  StoreUndo* const undo = slot.store_undo.get();
  // A reshaped x has other rows and columns than the store knows.
  if (!undo || !slot.last_reader() || slot.dtype() != da.dtype() || slot.shape() != x.shape())
    return conv2d_backward_data(stream, problem, da, w, x.grad_view());
  const Tensor before =
      slot.written() ? Tensor::wrap(slot.storage(), slot.data(), x.shape(), slot.dtype(), x.place())
                     : Tensor();
  const bool in_place = before.defined() && !undo->epilogue.depth_to_space;
  undo->da = in_place ? before.reshape(undo->a_shape) : Tensor::empty(undo->a_shape, da.dtype());
  conv2d_backward_data_below(stream, problem, da, w, {undo->epilogue, x, before, undo->da});
  slot.pass_on();
}

Tensor in_dtype(Stream& stream, const Tensor& t, DType dtype) {
  if (t.dtype() == dtype) return t;
  const Tensor converted = Tensor::empty(t.shape(), dtype);
  cast(stream, t, converted);
  return converted;
}

}  // namespace diptych
