// The reconstruction loss.
// SPDX-License-Identifier: MIT
#include "models/saehd/losses.h"

#include <algorithm>

#include "kernels/blur/blur.h"
#include "tensor/ops.h"
#include "tensor/profile.h"

namespace diptych {

DssimWindows dssim_windows(int resolution) {
  const auto window = [&](double divisor) {
    return std::max(1, static_cast<int>(resolution / divisor));
  };
  return {window(11.6), resolution < 256 ? 0 : window(23.2)};
}

Tensor soften_mask(const Tensor& mask) {
  const OpTimer timer("soft_mask");
  const Tensor soft = Tensor::empty(mask.shape());
  soft_mask(current_stream(), mask, static_cast<float>(std::max<int64_t>(1, mask.shape()[1] / 32)),
            soft);
  return soft;
}

Tensor reconstruction_loss(const Tensor& target,
                           const Tensor& prediction,
                           const Tensor& mask,
                           const Tensor& predicted_mask,
                           const Tensor& eyes_mouth,
                           const ReconstructionOptions& options) {
  const ProfileScope scope("loss");
  const int resolution = static_cast<int>(target.shape()[1]);
  const DssimWindows windows = dssim_windows(resolution);
  Tensor t = target, p = prediction;
  if (options.masked_training) {
    const Tensor soft = soften_mask(mask);
    t = mul_mask(target, soft);
    p = mul_mask(prediction, soft);
  }
  const Tensor structure = dssim_loss(t, p, windows.first);
  const Tensor structure2 = windows.second ? dssim_loss(t, p, windows.second) : Tensor();
  const Tensor pixels = squared_error(t, p);
  const Tensor mask_error = squared_error(mask, predicted_mask);
  const Tensor eyes =
      options.eyes_mouth_prio ? masked_abs_error(target, prediction, eyes_mouth) : Tensor();
  return weighted_sum({{windows.second ? 5.0f : 10.0f, &structure},
                       {5.0f, &structure2},
                       {10.0f, &pixels},
                       {10.0f, &mask_error},
                       {300.0f, &eyes}});
}

}  // namespace diptych
