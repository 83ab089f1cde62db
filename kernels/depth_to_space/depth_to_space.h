// depth_to_space: moves groups of channels into 2x2 blocks of pixels, and its exact inverse.
//
//   y[n, 2h+i, 2w+j, c] = x[n, h, w, (2i + j) * C/4 + c]        i, j in {0, 1}
//   x (N,H,W,C), C a multiple of 4; y (N,2H,2W,C/4). space_to_depth is the same line read from
//   right to left: x (N,H,W,C), H and W even; y (N,H/2,W/2,4C).
//   Channel order: block row, block column, then channel ("DCR", spec networks.md 1.4). Pixel
//   shuffle has c*4 + 2i + j instead; the page works both by hand.
// f32 or bf16, one dtype per call. No arithmetic; 2 * bytes of x. Backward is the inverse.
// Errors: rank, sizes or dtypes that do not fit. Views must not overlap.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

Shape depth_to_space_shape(const Shape& x);
Shape space_to_depth_shape(const Shape& x);

void depth_to_space_forward(Stream& stream, View x, MutView y);
void depth_to_space_backward(Stream& stream, View dy, GradView dx);

void space_to_depth_forward(Stream& stream, View x, MutView y);
void space_to_depth_backward(Stream& stream, View dy, GradView dx);

}  // namespace diptych
