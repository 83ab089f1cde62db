// Binary cross-entropy with logits on the CPU, in double: logit maps have one channel.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "kernels/pixel_loss/pixel_loss_cpu.h"

namespace diptych {

void bce_cpu(Stream& stream, View logits, View labels, float label, MutView loss) {
  const int64_t samples = logits.shape[0];
  const int64_t length = samples == 0 ? 1 : logits.shape.numel() / samples;
  const float* const z = logits.as<float>();
  const float* const q = labels.defined() ? labels.as<float>() : nullptr;
  const auto block = [&](int64_t sample, int64_t b) {
    const int64_t first = sample * length + b * kReduceBlock;
    const int64_t end = sample * length + std::min(length, (b + 1) * kReduceBlock);
    double sum = 0;
    for (int64_t i = first; i < end; ++i) {
      const double logit = z[i], wanted = q ? q[i] : label;
      const double positive = logit < 0 ? 0 : logit;  // NaN stays
      sum += positive - logit * wanted + std::log1p(std::exp(-std::abs(logit)));
    }
    return sum;
  };
  sum_pieces(stream, samples, blocks_of(length), 1.0 / static_cast<double>(length),
             loss.as<float>(), block);
}

void bce_backward_cpu(View logits, View labels, float label, View dloss, GradView dlogits) {
  const int64_t samples = logits.shape[0];
  const int64_t length = samples == 0 ? 1 : logits.shape.numel() / samples;
  const float *const z = logits.as<float>(), *const up = dloss.as<float>();
  const float* const q = labels.defined() ? labels.as<float>() : nullptr;
  float* const to = dlogits.as<float>();
  parallel_for(samples * length, kRowGrain / 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double probability = 1.0 / (1.0 + std::exp(-static_cast<double>(z[i])));
      const double wanted = q ? q[i] : label;
      const double slope = static_cast<double>(up[i / length]) / static_cast<double>(length) *
                           (probability - wanted);
      to[i] = static_cast<float>(dlogits.accumulate() ? to[i] + slope : slope);
    }
  });
}

}  // namespace diptych
