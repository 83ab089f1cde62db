// rmsprop on the CPU: one pass, bound by memory.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>

#include "kernels/adabelief/keep_mask.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/common/parallel.h"
#include "kernels/rmsprop/rmsprop.h"

namespace diptych {

namespace {

constexpr int64_t kGrain = 1 << 16;  // elements worth a thread
constexpr int64_t kChunk = 512;

struct Rates {
  float scale, rho, one_minus, rate, epsilon;
};

// keep: a factor of 0 or 1 per element.
DIPTYCH_CPU_CLONES void update(const Rates r,
                               const float* __restrict keep,
                               const float* __restrict g,
                               float* __restrict w,
                               float* __restrict v,
                               int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float gi = r.scale * g[i];
    const float vi = r.rho * v[i] + r.one_minus * gi * gi;
    v[i] = vi;
    w[i] -= keep[i] * (r.rate * gi / (std::sqrt(vi) + r.epsilon));
  }
}

DIPTYCH_CPU_CLONES void narrow(const float* __restrict w, bf16* __restrict copy, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const auto u = std::bit_cast<uint32_t>(w[i]);
    const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const uint32_t quiet = (u >> 16) | 0x40u;
    copy[i].bits = static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
  }
}

}  // namespace

void rmsprop_cpu(const RmsPropStep& step,
                 View gradient,
                 View gradient_scale,
                 MutView weight,
                 MutView v,
                 MutView copy) {
  const Rates rates{gradient_scale.defined() ? *gradient_scale.as<float>() : 1.0f,
                    static_cast<float>(step.rho), static_cast<float>(1.0 - step.rho),
                    step.learning_rate, step.epsilon};
  const KeepMask mask = KeepMask::make(step.seed, step.stream, step.step, step.keep_probability);
  const float* g = gradient.as<float>();
  float *w = weight.as<float>(), *pv = v.as<float>();
  bf16* pc = copy.defined() ? copy.as<bf16>() : nullptr;
  float ones[kChunk];
  for (float& one : ones) one = 1.0f;
  parallel_for(gradient.shape.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kChunk) {
      const int64_t stop = at + kChunk < end ? at + kChunk : end;
      for_each_kept(mask, step.first_element, at, stop,
                    [&](int64_t i, int64_t n, const float* keep) {
                      update(rates, keep ? keep : ones, g + i, w + i, pv + i, n);
                    });
      if (pc) narrow(w + at, pc + at, stop - at);
    }
  });
}

}  // namespace diptych
