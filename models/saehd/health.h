// The health of a training step: what its pictures and gradients say about the network, beside the
// losses. A handful of sums, a few hundred bytes, taken where the step computes and read with its
// losses: nothing waits for them.
//   gradient norm   sqrt(sum of squares) of a block: encoder, inter(s), decoder(s)
//   output variance E[y^2] - E[y]^2 over all pictures of a side, (N,R,R,3) in [0,1]
//   saturated share of these values that lie within kSaturation of 0 or 1 (kernels/reduce)
//   non-finite      NaN and infinities among losses, outputs and block norms
// Two passes over the gradients' 4 bytes would be the most it could cost; it takes one.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "optim/param_arena.h"

namespace diptych {

struct BlockHealth {
  std::string name;  // "encoder"
  double gradient_norm = 0;
};

struct OutputHealth {
  double mean = 0, variance = 0, saturated = 0;
};

struct StepHealth {
  std::vector<BlockHealth> blocks;
  OutputHealth src, dst;
  int64_t non_finite = 0;
};

class HealthProbe {
 public:
  // Blocks are the first parts of the parameters' names. `losses`: values that gate the update.
  // The arena must outlive the probe.
  HealthProbe(const ParamArena& arena, int64_t losses);

  // Each is work on current_stream() without a word to the host.
  void outputs(const Tensor& src, const Tensor& dst);  // f32
  void gradients();
  void losses(const Tensor& values);

  // (losses + 4 a side + 1 + blocks) f32, at a place that does not move. All finite when the step
  // may be applied: the health that Optimizer::apply looks at.
  const Tensor& values() const { return values_; }

  // From values() on the host.
  StepHealth read(const std::vector<float>& values) const;

 private:
  void output(int64_t at, const Tensor& picture);

  Tensor slot(int64_t at) const { return values_.part(at, {1}); }

  const ParamArena& arena_;
  std::vector<std::string> names_;               // of blocks
  std::vector<std::vector<ArenaRange>> ranges_;  // of blocks
  int64_t losses_;
  int64_t picture_values_ = 1;  // of a side
  Tensor values_;
};

// The first block whose gradient is not finite, empty when all are.
std::string broken_block(const StepHealth& health);

}  // namespace diptych
