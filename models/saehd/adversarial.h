// The adversarial and style terms of SAEHD, per sample (spec training.md 4.6 to 4.8). Generator
// terms push the generator alone: the discriminator's weights are frozen meanwhile (Frozen).
// Discriminator losses take pictures and codes without gradient.
// SPDX-License-Identifier: MIT
#pragma once

#include "models/code_discriminator/code_discriminator.h"
#include "models/patch_discriminator/patch_discriminator.h"
#include "models/saehd/losses.h"

namespace diptych {

// While it lives, the weights ask for no gradients: what is computed with them hands gradients on
// to its inputs alone.
class Frozen {
 public:
  explicit Frozen(const ParameterList& list);
  ~Frozen();
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  void set(bool needs_grad);
  ParameterList list_;
};

// BCE(D_c(fake),1) + BCE(D_f(fake),1). fake (N,R,R,3) f32, the masked prediction of src.
Tensor gan_generator_loss(const PatchDiscriminator& d, const Tensor& fake, DType compute);

// 1e-6 TV(picture) + 0.02 mean ((1 - soft)(picture - target))^2: holds the outside of the mask,
// which the discriminator does not see, near the target. picture: the unmasked prediction.
Tensor gan_background_loss(const Tensor& picture, const SideTerms& src, const SaehdParity& parity);

// 0.5 (BCE(D_c(real),1) + BCE(D_c(fake),0)) + 0.5 (BCE(D_f(real),1) + BCE(D_f(fake),0))
Tensor gan_discriminator_loss(const PatchDiscriminator& d,
                              const Tensor& real,
                              const Tensor& fake,
                              DType compute);

// BCE(C(src_code),1): src codes shall look like dst codes.
Tensor true_face_generator_loss(const CodeDiscriminator& c, const Tensor& src_code);

// 0.5 (BCE(C(dst_code),1) + BCE(C(src_code),0))
Tensor true_face_discriminator_loss(const CodeDiscriminator& c,
                                    const Tensor& src_code,
                                    const Tensor& dst_code);

// Style(t, s, blurred by R div 8, weight): weight/3 times the sum over channels of the squared
// differences of means and deviations (spec training.md 2.3). No gradient to `style`.
Tensor style_distance(const Tensor& picture, const Tensor& style, float weight);

// What the style terms compare. Pictures (N,R,R,3), masks (N,R,R,1), all f32.
struct StyleInputs {
  Tensor swap_for_face = {};        // made from a code without gradient: trains the decoder alone
  Tensor swap_for_background = {};  // with the whole gradient
  Tensor swap_mask = {};            // no gradient
  Tensor dst = {}, dst_mask = {};   // dst reconstruction; read without gradient
  Tensor dst_target = {};           // after blur_out_mask
  Tensor src_soft = {};             // soft mask of the src sample; read for parity alone
};

struct StylePowers {
  float face = 0, background = 0;  // 0..100

  bool any() const { return face > 0 || background > 0; }
};

// (N); undefined when both powers are 0.
Tensor style_loss(const StyleInputs& in, const StylePowers& powers, const SaehdParity& parity);

}  // namespace diptych
