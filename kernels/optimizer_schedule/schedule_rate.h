// The formula of the schedule, for host and device.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "kernels/optimizer_schedule/optimizer_schedule.h"

#ifdef __CUDACC__
#define DIPTYCH_HOST_DEVICE __host__ __device__
#else
#define DIPTYCH_HOST_DEVICE
#endif

namespace diptych {

DIPTYCH_HOST_DEVICE inline double schedule_rate(const RateSchedule& s, int64_t step) {
  constexpr double kTwoPi = 6.283185307179586;
  double rate = s.rate;
  if (rate > s.safe_rate && step < s.ramp_steps) {
    rate = s.safe_rate +
           (rate - s.safe_rate) * static_cast<double>(step) / static_cast<double>(s.ramp_steps);
  }
  if (s.cycle_steps > 0) {
    rate *= (1.0 + cos(kTwoPi * static_cast<double>(step) / s.cycle_steps)) / 2.0;
  }
  return rate;
}

}  // namespace diptych
