// Adversarial and style terms.
// SPDX-License-Identifier: MIT
#include "models/saehd/adversarial.h"

#include <algorithm>

#include "kernels/blur/blur.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

Frozen::Frozen(const ParameterList& list) : list_(list) {
  set(false);
}

Frozen::~Frozen() {
  set(true);
}

void Frozen::set(bool needs_grad) {
  for (const NamedParameter& p : list_) {
    p.parameter->master.set_needs_grad(needs_grad, true);
    p.parameter->compute.set_needs_grad(needs_grad, true);
  }
}

Tensor gan_generator_loss(const PatchDiscriminator& d, const Tensor& fake, DType compute) {
  const PatchDiscriminator::Logits logits = d.forward(cast(fake, compute));
  const Tensor center = bce_logits(logits.center, 1.0f), full = bce_logits(logits.full, 1.0f);
  return weighted_sum({{1.0f, &center}, {1.0f, &full}});
}

Tensor gan_background_loss(const Tensor& picture, const SideTerms& src, const SaehdParity& parity) {
  const Tensor variation = total_variation(picture, parity.total_variation_over_channels
                                                        ? TotalVariation::kRowsAndChannels
                                                        : TotalVariation::kRowsAndColumns);
  const Tensor outside = squared_error(src.target, picture, outside_of(src.soft));
  return weighted_sum({{1e-6f, &variation}, {0.02f, &outside}});
}

Tensor gan_discriminator_loss(const PatchDiscriminator& d,
                              const Tensor& real,
                              const Tensor& fake,
                              DType compute) {
  const int64_t n = real.shape()[0];
  const PatchDiscriminator::Logits logits = d.forward(cast(concat_batch(real, fake), compute));
  const auto bce = [&](const Tensor& map, bool of_real) {
    const int64_t begin = of_real ? 0 : n;
    return bce_logits(slice_batch(map, begin, begin + n), of_real ? 1.0f : 0.0f);
  };
  const Tensor real_center = bce(logits.center, true), fake_center = bce(logits.center, false),
               real_full = bce(logits.full, true), fake_full = bce(logits.full, false);
  return weighted_sum(
      {{0.5f, &real_center}, {0.5f, &fake_center}, {0.5f, &real_full}, {0.5f, &fake_full}});
}

Tensor true_face_generator_loss(const CodeDiscriminator& c, const Tensor& src_code) {
  return bce_logits(c.forward(src_code), 1.0f);
}

Tensor true_face_discriminator_loss(const CodeDiscriminator& c,
                                    const Tensor& src_code,
                                    const Tensor& dst_code) {
  const Tensor dst = bce_logits(c.forward(dst_code), 1.0f),
               src = bce_logits(c.forward(src_code), 0.0f);
  return weighted_sum({{0.5f, &dst}, {0.5f, &src}});
}

Tensor style_distance(const Tensor& picture, const Tensor& style, float weight) {
  const double sigma = static_cast<double>(std::max<int64_t>(1, picture.shape()[1] / 8));
  const Tensor mine = style_stats(gaussian_blur(picture, sigma));
  const Tensor wanted = style_stats(gaussian_blur(style.detach(), sigma));
  // The mean over the 2C statistics is 1/(2C) of the sum that the formula takes 1/C of.
  const Tensor distance = squared_error(wanted, mine);
  return weighted_sum({{2 * weight, &distance}});
}

namespace {

// Where the background of the swap is judged, (N,R,R,1).
Tensor background_region(const StyleInputs& in, const SaehdParity& parity) {
  if (parity.background_style_of_src_mask) return outside_of(in.src_soft);
  const Tensor both = mul_mask(in.swap_mask.detach(), in.dst_mask.detach());
  return outside_of(gaussian_blur(both, mask_blur_sigma(both.shape()[1])));
}

}  // namespace

Tensor style_loss(const StyleInputs& in, const StylePowers& powers, const SaehdParity& parity) {
  const ProfileScope scope("style");
  Tensor face, structure, pixels;
  if (powers.face > 0) {
    face = style_distance(mul_mask(in.swap_for_face, in.swap_mask.detach()),
                          mul_mask(in.dst.detach(), in.dst_mask.detach()), 100.0f * powers.face);
  }
  if (powers.background > 0) {
    const Tensor region = background_region(in, parity);
    const Tensor t = mul_mask(in.dst_target, region), p = mul_mask(in.swap_for_background, region);
    structure = dssim_loss(t, p, dssim_windows(static_cast<int>(t.shape()[1])).first);
    pixels = squared_error(t, p);
  }
  if (!face.defined() && !pixels.defined()) return {};
  const float weight = powers.background / 10;
  return weighted_sum({{1.0f, &face}, {weight, &structure}, {weight, &pixels}});
}

}  // namespace diptych
