// The reconstruction loss.
// SPDX-License-Identifier: MIT
#include "models/saehd/losses.h"

#include <algorithm>

#include "kernels/add/add.h"
#include "kernels/blur/blur.h"
#include "tensor/ops.h"
#include "tensor/profile.h"

namespace diptych {

namespace {

BlurBorder border_of(const SaehdParity& parity) {
  return parity.blur_fades_at_border ? BlurBorder::kZeros : BlurBorder::kRenormalised;
}

Tensor blur_out_target(const Tensor& target, const Tensor& mask, const SaehdParity& parity) {
  const OpTimer timer("blur_out");
  const Tensor filled = Tensor::empty(target.shape());
  blur_out(current_stream(), target, mask, static_cast<double>(target.shape()[1]) / 128,
           border_of(parity), filled);
  return filled;
}

}  // namespace

DssimWindows dssim_windows(int resolution) {
  const auto window = [&](double divisor) {
    return std::max(1, static_cast<int>(resolution / divisor));
  };
  return {window(11.6), resolution < 256 ? 0 : window(23.2)};
}

double mask_blur_sigma(int64_t resolution) {
  return static_cast<double>(std::max<int64_t>(1, resolution / 32));
}

Tensor soften_mask(const Tensor& mask, const SaehdParity& parity) {
  const OpTimer timer("soft_mask");
  const Tensor soft = Tensor::empty(mask.shape());
  soft_mask(current_stream(), mask, mask_blur_sigma(mask.shape()[1]), border_of(parity), soft);
  return soft;
}

Tensor outside_of(const Tensor& mask) {
  const Tensor rest = Tensor::empty(mask.shape());
  affine_forward(current_stream(), -1.0f, 1.0f, mask, rest);
  return rest;
}

Tensor SideTerms::masked_target() const {
  return masked ? mul_mask(target, soft) : target;
}

Tensor SideTerms::masked_prediction() const {
  return masked ? mul_mask(prediction, soft) : prediction;
}

SideTerms reconstruction_loss(const Tensor& target,
                              const Tensor& prediction,
                              const Tensor& mask,
                              const Tensor& predicted_mask,
                              const Tensor& eyes_mouth,
                              const ReconstructionOptions& options,
                              const SaehdParity& parity) {
  const ProfileScope scope("loss");
  const DssimWindows windows = dssim_windows(static_cast<int>(target.shape()[1]));
  SideTerms side;
  side.target = options.blur_out_mask ? blur_out_target(target, mask, parity) : target;
  side.prediction = prediction;
  side.masked = options.masked_training;
  side.soft = soften_mask(mask, parity);
  const Tensor under = side.masked ? side.soft : Tensor();
  const float structure = windows.second ? 5.0f : 10.0f;
  const Tensor picture =
      picture_loss(side.target, prediction, under,
                   {.window = windows.first, .structure = structure, .squares = 10.0f});
  const Tensor second =
      windows.second ? picture_loss(side.target, prediction, under,
                                    {.window = windows.second, .structure = 5.0f, .squares = 0.0f})
                     : Tensor();
  const Tensor mask_error = squared_error(mask, predicted_mask);
  const Tensor eyes =
      options.eyes_mouth_prio ? masked_abs_error(side.target, prediction, eyes_mouth) : Tensor();
  side.loss =
      weighted_sum({{1.0f, &picture}, {1.0f, &second}, {10.0f, &mask_error}, {300.0f, &eyes}});
  return side;
}

}  // namespace diptych
