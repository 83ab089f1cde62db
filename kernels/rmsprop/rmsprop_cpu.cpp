// rmsprop on the CPU: chunks that stay in the L1 cache, so memory is read and written once.
// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/adabelief/keep_mask.h"
#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/rmsprop/rmsprop.h"

namespace diptych {

namespace {

struct Rates {
  float scale, rho, rest, learning_rate, epsilon;
};

DIPTYCH_CPU_CLONES void step_row(const Rates& rates,
                                 const float* __restrict g,
                                 float* __restrict w,
                                 float* __restrict v,
                                 int64_t n) {
  const Rates r = rates;
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = r.scale * g[i];
    const float spread = r.rho * v[i] + r.rest * (gradient * gradient);
    v[i] = spread;
    w[i] -= r.learning_rate * gradient / (std::sqrt(spread) + r.epsilon);
  }
}

DIPTYCH_CPU_CLONES void step_row_masked(const Rates& rates,
                                        const float* __restrict keep,
                                        const float* __restrict g,
                                        float* __restrict w,
                                        float* __restrict v,
                                        int64_t n) {
  const Rates r = rates;
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = r.scale * g[i];
    const float spread = r.rho * v[i] + r.rest * (gradient * gradient);
    v[i] = spread;
    const float change = r.learning_rate * gradient / (std::sqrt(spread) + r.epsilon);
    w[i] = keep[i] != 0.0f ? w[i] - change : w[i];
  }
}

}  // namespace

void rmsprop_cpu(
    const RmsPropStep& step, View gradient, float scale, MutView weight, MutView v, MutView copy) {
  const Rates rates{scale, static_cast<float>(step.rho), static_cast<float>(1 - step.rho),
                    step.learning_rate, step.epsilon};
  const KeepDraw draw{step.seed, step.stream, step.step, keep_threshold(step.keep_probability)};
  const float* const g = gradient.as<float>();
  float* const w = weight.as<float>();
  float* const vs = v.as<float>();
  bf16* const half = copy.defined() ? copy.as<bf16>() : nullptr;
  parallel_for(weight.shape.numel(), kRowGrain, [&](int64_t begin, int64_t end) {
    float keep[kRowChunk];
    for (int64_t i = begin; i < end; i += kRowChunk) {
      const int64_t n = std::min(kRowChunk, end - i);
      if (step.keep_probability < 1.0f) {
        draw_keep_mask(draw, step.first_element + i, keep, n);
        step_row_masked(rates, keep, g + i, w + i, vs + i, n);
      } else {
        step_row(rates, g + i, w + i, vs + i, n);
      }
      if (half) store_row(w + i, half + i, n, false);
    }
  });
}

}  // namespace diptych
