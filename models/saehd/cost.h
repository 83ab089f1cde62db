// What a training iteration multiplies: convolutions and dense layers, part by part. A
// multiply-accumulate counts as one, FLOPs are twice that; biases, activations, norms and losses
// are not counted.
//
// Backward costs what forward costs, once for the weights and once for the inputs, but for the
// inputs of the first layer, which nobody asks for.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "models/saehd/options.h"

namespace diptych {

struct PartCost {
  std::string part;                  // "encoder", "decoder_src picture", "GAN"
  int64_t parameters = 0;            // counted once: in the first row of a part
  double forward = 0, backward = 0;  // multiply-accumulates of an iteration, the whole batch
};

// Everything that acts with these options, pretraining and parity included.
std::vector<PartCost> step_costs(const SaehdTrainOptions& options);

double total_macs(const std::vector<PartCost>& costs);

}  // namespace diptych
