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
// network. Moments are taken when the trainer's optimizer is the model's and the file holds them
// all; else they start at zero and a note says so. InputError that names file and weight: missing,
// another shape, not finite, no pickle of weights. The trainer's weights are then partly replaced:
// use a new one.
DflLoadReport load_dfl_weights(const DflModel& model, SaehdTrainer& trainer);

// The dict of a weight file as read: every value an array of floats. InputError otherwise.
PickleDocument read_dfl_weight_file(const std::filesystem::path& file);

// Files for DeepFaceLab from one of our checkpoints: the weights of a part ("encoder"), and
// src_dst_opt.npy.
std::vector<uint8_t> dfl_weight_file(const Safetensors& checkpoint, const std::string& part);
std::vector<uint8_t> dfl_optimizer_file(const Safetensors& checkpoint);

}  // namespace diptych
