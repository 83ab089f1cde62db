// What of an optimizer step changes from step to step, in device memory: a captured CUDA graph
// replays the same arguments, so these are read there.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych {

struct OptimizerState {
  float learning_rate;
  uint32_t step;  // of the keep mask's draws
};

}  // namespace diptych
