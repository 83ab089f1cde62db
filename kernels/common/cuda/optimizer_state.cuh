// Reading the optimizer's state in its kernels.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/optimizer_state.h"
#include "kernels/common/simt/simt.h"

namespace diptych {

// Uniform over the grid.
__device__ __forceinline__ bool skipped(const OptimizerState* state) {
  return state && state->apply == 0;
}

}  // namespace diptych
