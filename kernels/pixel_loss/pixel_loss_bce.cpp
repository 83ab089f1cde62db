// Binary cross-entropy with logits: small maps, plain loops in double.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "kernels/pixel_loss/pixel_loss.h"
#include "kernels/pixel_loss/pixel_loss_cpu.h"

namespace diptych {

namespace {

// label(i) is the label of value i.
template <class Label>
void forward(View logits, const Label& label, MutView loss) {
  const int64_t n = logits.shape[0], values = logits.shape.numel() / n;
  const float* z = logits.as<float>();
  for (int64_t s = 0; s < n; ++s) {
    double sum = 0;
    for (int64_t i = s * values; i < (s + 1) * values; ++i) {
      const double x = z[i];
      // max written so that a NaN stays one
      sum += (x < 0 ? 0.0 : x) - x * label(i) + std::log1p(std::exp(-std::fabs(x)));
    }
    loss.as<float>()[s] = static_cast<float>(sum / static_cast<double>(values));
  }
}

template <class Label>
void backward(View logits, const Label& label, View dloss, GradView dlogits) {
  const int64_t n = logits.shape[0], values = logits.shape.numel() / n;
  const float* z = logits.as<float>();
  float* out = dlogits.as<float>();
  for (int64_t i = 0; i < n * values; ++i) {
    const double p = 1.0 / (1.0 + std::exp(-static_cast<double>(z[i])));
    const double g = dloss.as<float>()[i / values] * (p - label(i)) / static_cast<double>(values);
    out[i] = static_cast<float>(dlogits.accumulate() ? out[i] + g : g);
  }
}

}  // namespace

void bce_logits_forward([[maybe_unused]] Stream& stream, View logits, View labels, MutView loss) {
  check_same("bce_logits_forward", logits, "logits", labels, "labels");
  check_per_sample("bce_logits_forward", logits, loss);
  const float* q = labels.as<float>();
  forward(
      logits, [q](int64_t i) { return static_cast<double>(q[i]); }, loss);
}

void bce_logits_forward([[maybe_unused]] Stream& stream, View logits, float label, MutView loss) {
  check_same("bce_logits_forward", logits, "logits", logits, "logits");
  check_per_sample("bce_logits_forward", logits, loss);
  forward(
      logits, [label](int64_t) { return static_cast<double>(label); }, loss);
}

void bce_logits_backward(
    [[maybe_unused]] Stream& stream, View logits, View labels, View dloss, GradView dlogits) {
  check_same("bce_logits_backward", logits, "logits", labels, "labels");
  check_same("bce_logits_backward", logits, "logits", dlogits, "dlogits");
  check_per_sample("bce_logits_backward", logits, dloss);
  const float* q = labels.as<float>();
  backward(
      logits, [q](int64_t i) { return static_cast<double>(q[i]); }, dloss, dlogits);
}

void bce_logits_backward(
    [[maybe_unused]] Stream& stream, View logits, float label, View dloss, GradView dlogits) {
  check_same("bce_logits_backward", logits, "logits", dlogits, "dlogits");
  check_per_sample("bce_logits_backward", logits, dloss);
  backward(
      logits, [label](int64_t) { return static_cast<double>(label); }, dloss, dlogits);
}

}  // namespace diptych
