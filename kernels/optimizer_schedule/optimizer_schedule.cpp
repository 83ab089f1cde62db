// optimizer_schedule: checks.
// SPDX-License-Identifier: MIT
#include "kernels/optimizer_schedule/optimizer_schedule.h"

#include "kernels/optimizer_schedule/optimizer_schedule_cuda.h"
#include "kernels/optimizer_schedule/schedule_rate.h"

namespace diptych {

double scheduled_rate(const RateSchedule& schedule, int64_t step) {
  return schedule_rate(schedule, step);
}

void gate_update(Stream& stream, const RateSchedule& schedule, View health, OptimizerState* state) {
  DIPTYCH_CHECK(stream.on_device() && state, "gate_update: needs a device engine and a state");
  DIPTYCH_CHECK(health.shape.rank() == 1 && health.dtype == DType::kF32, "gate_update: health is ",
                health, ", expected (n) f32");
  gate_update_cuda(stream.cuda(), schedule, health, state);
}

void count_update(Stream& stream, OptimizerState* state) {
  DIPTYCH_CHECK(stream.on_device() && state, "count_update: needs a device engine and a state");
  count_update_cuda(stream.cuda(), state);
}

}  // namespace diptych
