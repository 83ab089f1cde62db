// The reconstruction loss of SAEHD, per sample (spec training.md 4.2 to 4.4).
//   structure  R < 256: 10 DSSIM(f1);  R >= 256: 5 DSSIM(f1) + 5 DSSIM(f2)
//              f1 = trunc(R/11.6), f2 = trunc(R/23.2)
//   pixels     10 mean (T - P)^2,  T and P multiplied by the soft mask when training is masked
//   mask       10 mean (M - Pm)^2, M not blurred
//   eyes/mouth 300 mean |target*EM - P*EM|, pictures not masked
// SPDX-License-Identifier: MIT
#pragma once

#include "models/saehd/parity.h"
#include "tensor/tensor.h"

namespace diptych {

struct ReconstructionOptions {
  bool masked_training = true;
  bool eyes_mouth_prio = false;
  bool blur_out_mask = false;  // targets: the outside of the mask is its own blurred self
};

// What one side's network made of its pictures, with what it should have made. All f32.
struct SideTerms {
  Tensor target;      // (N,R,R,3), after blur_out_mask
  Tensor prediction;  // (N,R,R,3)
  Tensor soft;        // (N,R,R,1), the soft mask
  Tensor loss;        // (N)
  bool masked = true;

  // T and P: times soft when training is masked. Made anew by every call: the loss needs them only
  // on the way.
  Tensor masked_target() const;
  Tensor masked_prediction() const;
};

// target, prediction (N,R,R,3); mask, predicted_mask, eyes_mouth (N,R,R,1); all f32. eyes_mouth is
// read only when eyes_mouth_prio is set.
SideTerms reconstruction_loss(const Tensor& target,
                              const Tensor& prediction,
                              const Tensor& mask,
                              const Tensor& predicted_mask,
                              const Tensor& eyes_mouth,
                              const ReconstructionOptions& options,
                              const SaehdParity& parity);

// The blurred mask that weights the pictures: 2 * clip(G(M, max(1, R div 32)), 0, 0.5).
Tensor soften_mask(const Tensor& mask, const SaehdParity& parity);

double mask_blur_sigma(int64_t resolution);

// 1 - mask, no gradient.
Tensor outside_of(const Tensor& mask);

// Window sizes of DSSIM at a resolution; `second` is 0 below 256.
struct DssimWindows {
  int first, second;
};

DssimWindows dssim_windows(int resolution);

}  // namespace diptych
