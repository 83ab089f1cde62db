// Forward and backward_data of the amx variant as one thing: outputs gather tiles from a line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"
#include "kernels/conv2d/conv2d_amx_line.h"

namespace diptych::amx {

// A filter tap: which packed source it reads, how many positions further, and which tap of w it is.
struct GatherTap {
  int source;
  int64_t shift;
  int index;
};

// Outputs at pixels (i * stride + row, j * stride + column), with the taps that reach them.
struct GatherPhase {
  int row, column;
  std::vector<GatherTap> taps;
};

// Writes the B tiles of 16 * `tiles` outputs from `first` on: [16 outputs][tap][32 channels of the
// source]. What lies beyond w is 0.
using PackWeight = void (*)(const bf16* w, int k, int taps, int c, int first, int tiles, bf16* out);

struct Gather {
  Line line;
  std::vector<Source> sources;  // alike in all but origin
  std::vector<GatherPhase> phases;
  int64_t reach;  // largest shift of a tap
  const bf16* w;  // (k, taps, c)
  int w_k, w_taps, w_c;
  PackWeight pack_weight;
  int pack_blocks;  // of 32 outputs to pack at once: more where w holds outputs side by side
  // The outputs, (n, p, q, k), bf16 or f32, and their epilogue.
  MutView y;
  int p, q, k, stride;
  const float* bias = nullptr;
  const bf16* residual = nullptr;
  float slope = 1.0f;
  bool depth_to_space = false, accumulate = false;
};

void run_gather(Stream& stream, const Gather& gather);

}  // namespace diptych::amx
