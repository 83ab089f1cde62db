// The arithmetic of one AdaBelief update, shared by the steps.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/adabelief/adabelief_cuda.h"
#include "kernels/adabelief/keep_mask.cuh"
#include "kernels/common/cuda/optimizer_state.cuh"

namespace diptych {

struct AdaBeliefRates {
  float beta1, rest1, beta2, rest2, learning_rate, epsilon;
  KeepDraw draw;
  bool all;  // every element moves: nothing is drawn
};

inline AdaBeliefRates adabelief_rates(const AdaBeliefStep& s) {
  return {.beta1 = static_cast<float>(s.beta1),
          .rest1 = static_cast<float>(1 - s.beta1),
          .beta2 = static_cast<float>(s.beta2),
          .rest2 = static_cast<float>(1 - s.beta2),
          .learning_rate = s.learning_rate,
          .epsilon = s.epsilon,
          .draw = {s.seed, s.stream, s.step, keep_threshold(s.keep_probability)},
          .all = s.keep_probability >= 1.0f};
}

// What the launch was captured with, or what stands in device memory now.
__device__ __forceinline__ AdaBeliefRates current(AdaBeliefRates r, const OptimizerState* state) {
  if (state) {
    r.learning_rate = state->learning_rate;
    r.draw.step = state->step;
  }
  return r;
}

__device__ __forceinline__ void adabelief_update(
    const AdaBeliefRates& r, float gradient, bool keep, float& w, float& m, float& v) {
  m = r.beta1 * m + r.rest1 * gradient;
  const float surprise = gradient - m;
  v = r.beta2 * v + r.rest2 * (surprise * surprise);
  if (keep) w -= r.learning_rate * m / (sqrtf(v) + r.epsilon);
}

}  // namespace diptych
