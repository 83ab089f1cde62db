// adam: one optimizer step over flat arrays, in one pass (Kingma and Ba, arXiv 1412.6980).
//
//   g' = scale * g                              scale: gradient_scale[0], 1 when not given
//   m <- beta1 m + (1 - beta1) g'
//   v <- beta2 v + (1 - beta2) g'^2
//   c1 = 1 - beta1^t,  c2 = 1 - beta2^t         t = step + 1: bias correction
//   w <- w - U * learning_rate * (m / c1) / (sqrt(v / c2) + epsilon)
//   copy = bf16(w)                              when given
//   U = 1, or with keep_probability < 1 a draw per element: 1 with that probability, else 0. The
//   draw touches the weight change only; the moments see every gradient.
// g, m, v, w: (count) f32; copy (count) bf16; gradient_scale (1) f32. Arithmetic in f32.
// The draw of element i is a pure function of (seed, stream, step, first_element + i), see
// kernels/adabelief/keep_mask.h, so a slice of an arena draws as the whole would.
// FLOPs 12 per element; 28 bytes per element, 30 with the copy: bound by memory.
// Errors: shapes or dtypes that differ; rates out of range. Buffers must not overlap.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/cuda/optimizer_state.h"
#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

struct AdamStep {
  float learning_rate = 5e-5f;
  double beta1 = 0.9, beta2 = 0.999;  // double: 1 - beta2 in f32 would be off by 1e-5 of itself
  float epsilon = 1e-8f;
  float keep_probability = 1.0f;  // in (0,1]; 1: every element moves. Resolution 1/65536
  uint64_t seed = 0;
  uint32_t stream = 0;        // tells optimizers of one run apart
  uint32_t step = 0;          // steps done: of the bias correction and of the draws
  int64_t first_element = 0;  // position of element 0 of these views in the whole arena
  // On a device: where learning_rate and step are read from instead, so that a recorded graph can
  // be replayed, and whether to do anything at all.
  const OptimizerState* state = nullptr;
};

// gradient_scale and copy may be {}.
void adam_step(Stream& stream,
               const AdamStep& step,
               View gradient,
               View gradient_scale,
               MutView weight,
               MutView m,
               MutView v,
               MutView copy);

}  // namespace diptych
