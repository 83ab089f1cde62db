// SaehdTrainOptions: everything a training run of SAEHD is told, besides its samples (spec
// training.md 3).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "models/saehd/adversarial.h"
#include "models/saehd/config.h"
#include "models/saehd/losses.h"
#include "models/saehd/parity.h"
#include "optim/optimizer.h"

namespace diptych {

struct AdversarialOptions {
  float gan_power = 0;        // 0..5: weight of the patch discriminator's term; 0: there is none
  int gan_patch_size = 0;     // 3..640; 0: an eighth of the resolution
  int gan_dims = 16;          // 4..512
  float true_face_power = 0;  // 0..1: weight of the code discriminator's term; df only

  bool any() const { return gan_power > 0 || true_face_power > 0; }
};

struct SaehdTrainOptions {
  SaehdConfig network;
  int batch_size = 4;
  ReconstructionOptions loss;
  AdversarialOptions adversarial;
  StylePowers style;
  OptimizerOptions optimizer;  // of the network, and of the discriminators
  bool random_warp = true;     // off: liae freezes inter_AB (spec training.md 4.1)
  bool pretrain = false;       // samples are of the pretraining set
  SaehdParity parity;
  DType dtype = DType::kF32;
  uint64_t seed = 1;
  bool graph = true;  // on a device: the second step is recorded, it and later ones are replayed

  // The discriminator that gan_power > 0 asks for.
  PatchDiscriminatorConfig patch_discriminator() const;

  // Throws Error that names the option, the rule and the nearest legal value. The network's sizes
  // are checked by network.validate().
  void validate() const;

  // What of it acts now: pretraining turns the adversarial and style terms and lr_dropout off (spec
  // training.md 6).
  SaehdTrainOptions active() const;
};

}  // namespace diptych
