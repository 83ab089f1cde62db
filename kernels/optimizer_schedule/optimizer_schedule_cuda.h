// optimizer_schedule on a GPU: launchers. Pointers are device pointers.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/optimizer_schedule/optimizer_schedule.h"

namespace diptych {

void gate_update_cuda(CudaStream stream,
                      const RateSchedule& schedule,
                      View health,
                      OptimizerState* state);
void count_update_cuda(CudaStream stream, OptimizerState* state);

}  // namespace diptych
