// The arithmetic of one Adam update, shared by the steps.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "kernels/adabelief/keep_mask.cuh"
#include "kernels/adam/adam_cuda.h"
#include "kernels/common/cuda/optimizer_state.cuh"

namespace diptych {

struct AdamRates {
  float beta1, rest1, beta2, rest2, learning_rate, epsilon;
  float log1,
      log2;  // ln(beta): the bias correction follows the step, which may be read on the device
  KeepDraw draw;
  bool all;    // every element moves: nothing is drawn
  float rate;  // learning_rate / c1
  float root;  // 1 / sqrt(c2)
};

inline AdamRates adam_rates(const AdamStep& s) {
  // beta = 0 forgets everything: c = 1. e^-100 is 0 in f32 and keeps the product with t finite.
  const auto log_of = [](double beta) {
    return static_cast<float>(beta > 0 ? std::fmax(std::log(beta), -100.0) : -100.0);
  };
  return {.beta1 = static_cast<float>(s.beta1),
          .rest1 = static_cast<float>(1 - s.beta1),
          .beta2 = static_cast<float>(s.beta2),
          .rest2 = static_cast<float>(1 - s.beta2),
          .learning_rate = s.learning_rate,
          .epsilon = s.epsilon,
          .log1 = log_of(s.beta1),
          .log2 = log_of(s.beta2),
          .draw = {s.seed, s.stream, s.step, keep_threshold(s.keep_probability)},
          .all = s.keep_probability >= 1.0f,
          .rate = 0,
          .root = 0};
}

// What the launch was captured with, or what stands in device memory now. 1 - beta^t by expm1: the
// difference itself would lose the digits of the first steps.
__device__ __forceinline__ AdamRates current(AdamRates r, const OptimizerState* state) {
  if (state) {
    r.learning_rate = state->learning_rate;
    r.draw.step = state->step;
  }
  const float t = static_cast<float>(r.draw.step) + 1.0f;
  r.rate = r.learning_rate / -expm1f(t * r.log1);
  r.root = 1.0f / sqrtf(-expm1f(t * r.log2));
  return r;
}

__device__ __forceinline__ void adam_update(
    const AdamRates& r, float gradient, bool keep, float& w, float& m, float& v) {
  m = r.beta1 * m + r.rest1 * gradient;
  v = r.beta2 * v + r.rest2 * (gradient * gradient);
  if (keep) w -= r.rate * m / (r.root * sqrtf(v) + r.epsilon);
}

}  // namespace diptych
