// optimizer_schedule: the learning rate of every step, and whether a step is taken at all.
//
//   rate(t) = r(t) * c(t), t steps done
//   r(t)    = rate                                             when rate <= safe_rate or t >= ramp
//           = safe_rate + (rate - safe_rate) * t / ramp        before
//   c(t)    = (1 + cos(2 pi t / cycle)) / 2 with a cycle       (spec training.md 5.1), else 1
//
// gate_update   writes rate(t) into the state, and apply = 1 when every value of `health` is finite
// count_update  t <- t + 1 when the update was applied
// Both run on the device engines alone: there a step's rate and its permission are decided without
// the host, so that a step can be one recorded graph. health: (n) f32.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/optimizer_state.h"
#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

struct RateSchedule {
  double rate = 5e-5;
  double safe_rate = 5e-5;
  int64_t ramp_steps = 0;
  double cycle_steps = 0;  // 0: no cycle
};

double scheduled_rate(const RateSchedule& schedule, int64_t step);

void gate_update(Stream& stream, const RateSchedule& schedule, View health, OptimizerState* state);
void count_update(Stream& stream, OptimizerState* state);

}  // namespace diptych
