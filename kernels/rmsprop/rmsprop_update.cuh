// The arithmetic of one RMSprop update, shared by the steps.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/adabelief/keep_mask.cuh"
#include "kernels/common/cuda/optimizer_state.cuh"
#include "kernels/rmsprop/rmsprop_cuda.h"

namespace diptych {

struct RmsPropRates {
  float rho, rest, learning_rate, epsilon;
  KeepDraw draw;
  bool all;  // every element moves: nothing is drawn
};

inline RmsPropRates rmsprop_rates(const RmsPropStep& s) {
  return {.rho = static_cast<float>(s.rho),
          .rest = static_cast<float>(1 - s.rho),
          .learning_rate = s.learning_rate,
          .epsilon = s.epsilon,
          .draw = {s.seed, s.stream, s.step, keep_threshold(s.keep_probability)},
          .all = s.keep_probability >= 1.0f};
}

// What the launch was captured with, or what stands in device memory now.
__device__ __forceinline__ RmsPropRates current(RmsPropRates r, const OptimizerState* state) {
  if (state) {
    r.learning_rate = state->learning_rate;
    r.draw.step = state->step;
  }
  return r;
}

__device__ __forceinline__ void rmsprop_update(
    const RmsPropRates& r, float gradient, bool keep, float& w, float& v) {
  v = r.rho * v + r.rest * (gradient * gradient);
  if (keep) w -= r.learning_rate * gradient / (sqrtf(v) + r.epsilon);
}

}  // namespace diptych
