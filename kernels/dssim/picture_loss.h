// picture_loss: structure and squares of a picture under a mask, in one pass (spec
// training.md 4.2).
//
//   u = m x, v = m y           x target, y prediction (N,H,W,C), m (N,H,W,1) or none
//   loss[n] = structure * mean over c of DSSIM(u, v)[n,c]  +  squares * mean over h,w,c of (u -
//   v)^2
//
// DSSIM, its window and `saved` are those of dssim.h. The gradient goes to the prediction alone.
// The device engines fuse it; on the CPU the loss is made of dssim, squared_error and mul_mask. All
// f32. Errors: shapes or dtypes that do not fit; the cpu engine.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/dssim/dssim.h"

namespace diptych {

struct PictureLossWeights {
  float structure = 1, squares = 1;
};

// mask and saved may be {}.
void picture_loss_forward(Stream& stream,
                          const DssimProblem& problem,
                          const PictureLossWeights& weights,
                          View target,
                          View prediction,
                          View mask,
                          MutView loss,
                          MutView saved);

// dloss (N).
void picture_loss_backward(Stream& stream,
                           const DssimProblem& problem,
                           const PictureLossWeights& weights,
                           View target,
                           View prediction,
                           View mask,
                           View saved,
                           View dloss,
                           GradView dprediction);

}  // namespace diptych
