// SaehdParity: where training differs from DeepFaceLab's, quirk by quirk. All false: the behaviour
// meant. dfl(): the original's, for runs that must be compared with it. Spec sections are of
// training.md. This page is the list; code names the flag where it branches.
//
// Kept in both modes, because models and habits depend on them: the windows of DSSIM have sigma 1.5
// whatever their size (2.2), gradients are of the sum over the batch (1), the first steps of
// AdaBelief are 3.5 rates long (5.2, bounded by the ramp of optim/optimizer.h above a rate of
// 5e-5), lr_dropout also turns the cosine cycle of the rate on (5.1), masked_training is on for
// face types that never ask for it (3).
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace diptych {

struct SaehdParity {
  // 4.2. Blurs read zeros outside the picture, so soft masks and blurred-out backgrounds fade
  // towards its border. Default: the blur is renormalised to what lies inside.
  bool blur_fades_at_border = false;

  // 4.6. The background term of the swap is taken outside the mask of the unrelated src sample.
  // Default: outside the masks predicted for the swap itself.
  bool background_style_of_src_mask = false;

  // 2.4. Total variation joins rows and colour channels, as the original does on a GPU. Default:
  // rows and columns.
  bool total_variation_over_channels = false;

  // 5.5. The discriminators' steps look at pictures and codes made again with the updated weights,
  // a second pass through the generator. Default: at those of the generator's own step.
  bool discriminators_see_updated_generator = false;

  // 4.8, 6. While pretraining, the true-face term pushes the generator although its discriminator
  // is never trained. Default: off with the rest of the adversarial terms.
  bool true_face_while_pretraining = false;

  // 4.1, 6. Pretraining counts as training without warp, so inter_AB of liae stays at its random
  // start. Default: all weights are pretrained.
  bool pretraining_freezes_inter_ab = false;

  // 6. When pretraining ends, the inters start afresh but keep their old moments. Default: those
  // start afresh as well.
  bool inters_keep_moments_after_pretraining = false;

  static SaehdParity dfl();

  friend bool operator==(const SaehdParity&, const SaehdParity&) = default;
};

// The list above as data, for pages and reports.
struct SaehdQuirk {
  std::string_view name, section, original, ours;
  bool SaehdParity::*flag;
};

std::span<const SaehdQuirk> saehd_quirks();

}  // namespace diptych
