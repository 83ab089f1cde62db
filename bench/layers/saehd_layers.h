// The convolutions and dense layers that one SAEHD training step runs, with their sizes, read off
// the network's own parameters: channels as they are stored (tensor/channels.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "models/saehd/config.h"
#include "tests/support/cases.h"

namespace diptych {

struct DenseLayer {
  std::string name;  // path in the network: "inter/dense1"
  DenseProblem problem;
  int calls = 1;  // in one forward pass of a step
};

struct NetworkLayers {
  std::vector<Conv2dLayer> convs;  // of equal ones the first is named and `calls` counts all
  std::vector<DenseLayer> denses;
  int64_t parameters = 0;
  // Multiply-adds of a step's forward pass as the network is defined (spec/count.py). The layers
  // above run a few more: on channels that were rounded up and, with option d, in the 1x1 head,
  // which runs in the centre tap of a 3x3 kernel.
  double forward_macs = 0;
};

// batch is per side: shared parts run 2*batch pictures at once. Throws Error for option c, whose
// activation is an op of its own, and for a network that config.validate() refuses.
NetworkLayers saehd_layers(const SaehdConfig& config, int batch);

}  // namespace diptych
