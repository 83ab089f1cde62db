// Undoing a convolution's store where its gradient is made.
//
//   forward    a --leaky, depth_to_space--> y --conv2d--> ...
//   backward   da <--leaky', space_to_depth-- dy <--backward data-- ...
//              da <------------ one pass ------------------------- ...
//
// The op that made y says how its store is undone; the last op to add to dy, when it is a
// convolution, does it in its own store and dy never exists. Which op is last, the tape counts.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "tensor/tensor.h"

namespace diptych {

struct StoreUndo {
  Conv2dEpilogue epilogue;  // of the convolution that made the tensor
  Shape a_shape;            // (N,P,Q,K), before its store
  Tensor da;                // defined once the gradient has been passed on
};

// Null where no engine does it, or where there is nothing to undo.
std::shared_ptr<StoreUndo> make_store_undo(const Conv2dEpilogue& epilogue, const Shape& a_shape);

// After y, an op's output, has been recorded: its readers may undo its store.
void offer_store_undo(const Tensor& y, const std::shared_ptr<StoreUndo>& undo);

// Adds conv2d's gradient to x, through the store that made x if this is its last reader.
void conv2d_backward_data_through(Stream& stream,
                                  const Conv2dProblem& problem,
                                  const Tensor& da,
                                  const Tensor& w,
                                  const Tensor& x);

// The gradient before a store in the dtype that the op's input has: heads store f32 from bf16.
Tensor in_dtype(Stream& stream, const Tensor& t, DType dtype);

}  // namespace diptych
