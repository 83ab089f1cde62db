// The reconstruction loss of SAEHD, per sample (spec training.md 4.2 to 4.4).
//
//   structure   10 DSSIM(f1)                when R < 256
//               5 DSSIM(f1) + 5 DSSIM(f2)   when R >= 256
//               f1 = trunc(R / 11.6), f2 = trunc(R / 23.2)
//   pixels      10 mean (T - P)^2           T, P times the soft mask with masked training
//   mask        10 mean (M - Pm)^2          M as it is, not softened
//   eyes/mouth  300 mean |T EM - P EM|      T, P as they are
//
//   T target, P prediction, M mask, Pm predicted mask, EM eyes and mouth. The loss is the sum of
//   the lines; structure sees T and P as pixels does.
// SPDX-License-Identifier: MIT
#pragma once

#include "tensor/tensor.h"

namespace diptych {

struct ReconstructionOptions {
  bool masked_training = true;
  bool eyes_mouth_prio = false;
};

// target, prediction (N,R,R,3); mask, predicted_mask, eyes_mouth (N,R,R,1); all f32. eyes_mouth is
// read only when eyes_mouth_prio is set. Returns (N).
Tensor reconstruction_loss(const Tensor& target,
                           const Tensor& prediction,
                           const Tensor& mask,
                           const Tensor& predicted_mask,
                           const Tensor& eyes_mouth,
                           const ReconstructionOptions& options);

// The blurred mask that weights the pictures: 2 * clip(G(M, max(1, R div 32)), 0, 0.5).
Tensor soften_mask(const Tensor& mask);

// Window sizes of DSSIM at a resolution; `second` is 0 below 256.
struct DssimWindows {
  int first, second;
};

DssimWindows dssim_windows(int resolution);

}  // namespace diptych
