// What of an optimizer step changes from step to step, in device memory: a captured CUDA graph
// replays the same arguments, so these are read there.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych {

struct OptimizerState {
  float learning_rate;
  uint32_t step;   // steps done: of the schedule and of the keep mask's draws
  uint32_t apply;  // 0: the update under way is skipped, nothing is written
};

}  // namespace diptych
