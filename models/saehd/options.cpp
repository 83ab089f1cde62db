// The rules of SaehdTrainOptions.
// SPDX-License-Identifier: MIT
#include "models/saehd/options.h"

#include <algorithm>

namespace diptych {

PatchDiscriminatorConfig SaehdTrainOptions::patch_discriminator() const {
  PatchDiscriminatorConfig config{.resolution = network.resolution,
                                  .patch_size = adversarial.gan_patch_size,
                                  .base_width = adversarial.gan_dims};
  if (config.patch_size == 0) config.patch_size = std::max(kSmallestPatch, network.resolution / 8);
  return config;
}

void SaehdTrainOptions::validate() const {
  const auto check_range = [](const char* name, float value, float high) {
    DIPTYCH_CHECK(value >= 0 && value <= high, name, " = ", value,
                  " is not possible: use a number from 0 to ", high, ", nearest ",
                  value > high ? high : 0.0f);
  };
  DIPTYCH_CHECK(batch_size >= 1, "SaehdTrainer: batch_size = ", batch_size, ", expected 1 or more");
  check_range("gan_power", adversarial.gan_power, 5);
  check_range("true_face_power", adversarial.true_face_power, 1);
  check_range("face_style_power", style.face, 100);
  check_range("bg_style_power", style.background, 100);
  DIPTYCH_CHECK(adversarial.true_face_power == 0 || !network.liae,
                "true_face_power = ", adversarial.true_face_power, " is for df only, archi is ",
                network.archi(), ": use 0");
  if (adversarial.gan_power > 0) patch_discriminator().validate();
}

SaehdTrainOptions SaehdTrainOptions::active() const {
  SaehdTrainOptions now = *this;
  if (!pretrain) return now;
  now.adversarial.gan_power = 0;
  if (!parity.true_face_while_pretraining) now.adversarial.true_face_power = 0;
  now.style = {};
  now.optimizer.lr_dropout = false;
  now.random_warp = !parity.pretraining_freezes_inter_ab;  // it stands for "inter_AB is trained"
  return now;
}

}  // namespace diptych
