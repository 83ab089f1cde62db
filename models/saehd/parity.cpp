// The quirks as data.
//
// Some accidents of the original are not here because no run has to be compared by them; they only
// lose work, and are never repeated: option t at a resolution that is no multiple of 32, and patch
// sizes whose layers do not fit the resolution, fail while the network is built (refused, with the
// nearest value that works); values out of range are moved without a word (refused); a model of
// iteration 0 is taken for a new one at the next start, also after pretraining (the checkpoint is
// read); the end of pretraining is judged against options of another model (the checkpoint says
// whether it was pretrained).
// SPDX-License-Identifier: MIT
#include "models/saehd/parity.h"

namespace diptych {

std::span<const SaehdQuirk> saehd_quirks() {
  static constexpr SaehdQuirk quirks[] = {
      {"blur_fades_at_border", "4.2", "soft masks and blurred-out backgrounds fade at the border",
       "the blur is renormalised there", &SaehdParity::blur_fades_at_border},
      {"background_style_of_src_mask", "4.6",
       "the background of the swap is outside the mask of an unrelated src sample",
       "it is outside the masks predicted for the swap",
       &SaehdParity::background_style_of_src_mask},
      {"total_variation_over_channels", "2.4", "total variation joins rows and colour channels",
       "it joins rows and columns", &SaehdParity::total_variation_over_channels},
      {"discriminators_see_updated_generator", "5.5",
       "the generator runs again for the discriminators' steps", "they see what its own step made",
       &SaehdParity::discriminators_see_updated_generator},
      {"true_face_while_pretraining", "4.8",
       "the true-face term acts while pretraining, with an untrained discriminator",
       "it is off while pretraining", &SaehdParity::true_face_while_pretraining},
      {"pretraining_freezes_inter_ab", "4.1", "pretraining never trains inter_AB of liae",
       "it trains all weights", &SaehdParity::pretraining_freezes_inter_ab},
      {"inters_keep_moments_after_pretraining", "6",
       "after pretraining the fresh inters keep their old moments",
       "their moments start afresh too", &SaehdParity::inters_keep_moments_after_pretraining},
  };
  return quirks;
}

SaehdParity SaehdParity::dfl() {
  SaehdParity all;
  for (const SaehdQuirk& quirk : saehd_quirks()) all.*quirk.flag = true;
  return all;
}

}  // namespace diptych
