// rmsprop: one optimizer step over flat arrays, in one pass (spec training.md 5.1, 5.3).
//
//   g' = scale * g                              scale: gradient_scale[0], 1 when not given
//   v <- rho v + (1 - rho) g'^2
//   w <- w - U * learning_rate * g' / (sqrt(v) + epsilon)
//   copy = bf16(w)                              when given
//   U = 1, or with keep_probability < 1 a draw per element, as in kernels/adabelief/adabelief.h.
// g, v, w: (count) f32; copy (count) bf16; gradient_scale (1) f32. Arithmetic in f32.
// FLOPs 9 per element; 20 bytes per element, 22 with the copy: bound by memory.
// Errors: shapes or dtypes that differ; rates out of range. Buffers must not overlap.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/cuda/optimizer_state.h"
#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

struct RmsPropStep {
  float learning_rate = 5e-5f;
  double rho = 0.9;
  float epsilon = 1e-6f;
  float keep_probability = 1.0f;  // in (0,1]; 1: every element moves. Resolution 1/65536
  uint64_t seed = 0;
  uint32_t stream = 0;        // tells optimizers of one run apart
  uint32_t step = 0;          // draws differ from step to step
  int64_t first_element = 0;  // position of element 0 of these views in the whole arena
  // On a device: where learning_rate and step are read from instead, so that a recorded graph can
  // be replayed, and whether to do anything at all.
  const OptimizerState* state = nullptr;
};

// gradient_scale and copy may be {}.
void rmsprop_step(Stream& stream,
                  const RmsPropStep& step,
                  View gradient,
                  View gradient_scale,
                  MutView weight,
                  MutView v,
                  MutView copy);

}  // namespace diptych
