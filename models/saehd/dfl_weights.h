// Weights and optimizer state between DeepFaceLab's files and ours (spec formats.md 9). A file is a
// pickled dict: name of the weight -> array, convolutions (R,S,C,K), dense (in,out), flattened
// pictures in C,H,W order; layout.h turns them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "models/saehd/dfl_model.h"
#include "models/saehd/trainer.h"
#include "tensor/pickle/pickle_reader.h"
#include "tensor/safetensors.h"

namespace diptych {

struct DflLoadReport {
  int64_t weights = 0;             // values
  bool moments = false;            // the optimizer goes on where it was
  std::vector<std::string> notes;  // what was not carried over, and why
};

// Puts a model's weights, its optimizer's moments and its iteration into a trainer of the same
// network; those of the discriminators too, when the trainer has them. Moments are taken when the
// trainer's optimizer is the model's and the file holds them all; else they start at zero and a
// note says so; likewise a discriminator that is missing or has other layers. InputError that names
// file and weight: missing, another shape, not finite, no pickle of weights. The trainer's weights
// are then partly replaced: use a new one.
DflLoadReport load_dfl_weights(const DflModel& model, SaehdTrainer& trainer);

// The dict of a weight file as read: every value an array of floats. InputError otherwise.
PickleDocument read_dfl_weight_file(const std::filesystem::path& file);

// The file of the optimizer's state: of the network for "", of a discriminator ("GAN",
// "code_discriminator").
std::string dfl_optimizer_name(const std::string& discriminator);

// The discriminators that a checkpoint holds.
std::vector<std::string> dfl_discriminators(const Safetensors& checkpoint);

// Files for DeepFaceLab from one of our checkpoints: the weights of a part ("encoder", "GAN"), and
// the state of an optimizer, as named by dfl_optimizer_name().
std::vector<uint8_t> dfl_weight_file(const Safetensors& checkpoint, const std::string& part);
std::vector<uint8_t> dfl_optimizer_file(const Safetensors& checkpoint,
                                        const std::string& discriminator = "");

}  // namespace diptych
