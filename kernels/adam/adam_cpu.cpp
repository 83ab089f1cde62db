// adam on the CPU: chunks that stay in the L1 cache, so memory is read and written once.
// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/adabelief/keep_mask.h"
#include "kernels/adam/adam.h"
#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"

namespace diptych {

namespace {

struct Rates {
  float scale, beta1, rest1, beta2, rest2;
  float rate;  // learning_rate / c1
  float root;  // 1 / sqrt(c2)
  float epsilon;
};

DIPTYCH_CPU_CLONES void step_row(const Rates& rates,
                                 const float* __restrict g,
                                 float* __restrict w,
                                 float* __restrict m,
                                 float* __restrict v,
                                 int64_t n) {
  const Rates r = rates;
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = r.scale * g[i];
    const float mean = r.beta1 * m[i] + r.rest1 * gradient;
    const float square = r.beta2 * v[i] + r.rest2 * (gradient * gradient);
    m[i] = mean;
    v[i] = square;
    w[i] -= r.rate * mean / (r.root * std::sqrt(square) + r.epsilon);
  }
}

DIPTYCH_CPU_CLONES void step_row_masked(const Rates& rates,
                                        const float* __restrict keep,
                                        const float* __restrict g,
                                        float* __restrict w,
                                        float* __restrict m,
                                        float* __restrict v,
                                        int64_t n) {
  const Rates r = rates;
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = r.scale * g[i];
    const float mean = r.beta1 * m[i] + r.rest1 * gradient;
    const float square = r.beta2 * v[i] + r.rest2 * (gradient * gradient);
    m[i] = mean;
    v[i] = square;
    const float change = r.rate * mean / (r.root * std::sqrt(square) + r.epsilon);
    w[i] = keep[i] != 0.0f ? w[i] - change : w[i];
  }
}

Rates rates_of(const AdamStep& step, float scale) {
  const double t = static_cast<double>(step.step) + 1;
  const double c1 = 1 - std::pow(step.beta1, t), c2 = 1 - std::pow(step.beta2, t);
  return {scale,
          static_cast<float>(step.beta1),
          static_cast<float>(1 - step.beta1),
          static_cast<float>(step.beta2),
          static_cast<float>(1 - step.beta2),
          static_cast<float>(static_cast<double>(step.learning_rate) / c1),
          static_cast<float>(1 / std::sqrt(c2)),
          step.epsilon};
}

}  // namespace

void adam_cpu(const AdamStep& step,
              View gradient,
              float scale,
              MutView weight,
              MutView m,
              MutView v,
              MutView copy) {
  const Rates rates = rates_of(step, scale);
  const KeepDraw draw{step.seed, step.stream, step.step, keep_threshold(step.keep_probability)};
  const float* const g = gradient.as<float>();
  float* const w = weight.as<float>();
  float *const ms = m.as<float>(), *const vs = v.as<float>();
  bf16* const half = copy.defined() ? copy.as<bf16>() : nullptr;
  parallel_for(weight.shape.numel(), kRowGrain, [&](int64_t begin, int64_t end) {
    float keep[kRowChunk];
    for (int64_t i = begin; i < end; i += kRowChunk) {
      const int64_t n = std::min(kRowChunk, end - i);
      if (step.keep_probability < 1.0f) {
        draw_keep_mask(draw, step.first_element + i, keep, n);
        step_row_masked(rates, keep, g + i, w + i, ms + i, vs + i, n);
      } else {
        step_row(rates, g + i, w + i, ms + i, vs + i, n);
      }
      if (half) store_row(w + i, half + i, n, false);
    }
  });
}

}  // namespace diptych
