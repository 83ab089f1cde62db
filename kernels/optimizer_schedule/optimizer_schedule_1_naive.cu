// optimizer_schedule: one warp decides, one thread counts. A few hundred bytes: bound by the
// launch.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/simt.h"
#include "kernels/optimizer_schedule/optimizer_schedule_cuda.h"
#include "kernels/optimizer_schedule/schedule_rate.h"

namespace diptych {

namespace {

__global__ void gate_update_kernel(RateSchedule schedule,
                                   const float* health,
                                   int64_t count,
                                   OptimizerState* state) {
  bool finite = true;
  for (int64_t i = threadIdx.x; i < count; i += 32)
    finite = finite && health[i] - health[i] == 0.0f;  // NaN for NaN and infinities
  const unsigned broken = __ballot_sync(0xffffffffu, !finite);
  if (threadIdx.x != 0) return;
  state->learning_rate = static_cast<float>(schedule_rate(schedule, state->step));
  state->apply = broken == 0 ? 1 : 0;
}

__global__ void count_update_kernel(OptimizerState* state) {
  state->step += state->apply;
}

}  // namespace

void gate_update_cuda(CudaStream stream,
                      const RateSchedule& schedule,
                      View health,
                      OptimizerState* state) {
  simt::launch(gate_update_kernel, {.grid = 1, .block = 32, .smem = 0, .stream = stream}, schedule,
               static_cast<const float*>(health.data), health.shape.numel(), state);
}

void count_update_cuda(CudaStream stream, OptimizerState* state) {
  simt::launch(count_update_kernel, {.grid = 1, .block = 1, .smem = 0, .stream = stream}, state);
}

}  // namespace diptych
