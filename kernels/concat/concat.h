// concat: joins two tensors along channels or batch, takes slices of the batch, and their
// backwards.
//
//   concat_channels  a (...,Ca), b (...,Cb) -> y (...,Ca+Cb), a first
//   concat_batch     a (Na,...), b (Nb,...) -> y (Na+Nb,...), a first
//   slice_batch      x (N,...) -> y (count,...): samples first .. first+count-1, count = y's N
//   Backwards copy or add the matching part of dy. slice_batch_backward in overwrite mode sets the
//   samples outside the slice to 0. A gradient that is not defined ({}) is skipped.
// All views of a call share one dtype, f32 or bf16; ranks 1 to 4. No arithmetic forward.
// Errors: shapes or dtypes that do not fit, a slice outside the batch. Views must not overlap.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void concat_channels_forward(Stream& stream, View a, View b, MutView y);
void concat_channels_backward(Stream& stream, View dy, GradView da, GradView db);

void concat_batch_forward(Stream& stream, View a, View b, MutView y);
void concat_batch_backward(Stream& stream, View dy, GradView da, GradView db);

void slice_batch_forward(Stream& stream, View x, int64_t first, MutView y);
void slice_batch_backward(Stream& stream, View dy, int64_t first, GradView dx);

}  // namespace diptych
