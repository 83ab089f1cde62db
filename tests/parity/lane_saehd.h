// A whole step of SAEHD in lanes: losses and gradients of every weight, wired anew from the spec
// (networks.md 4, training.md 4) and not from the code that it checks.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/blur/blur.h"
#include "models/saehd/batch.h"
#include "models/saehd/config.h"
#include "optim/param_arena.h"
#include "tests/parity/lane_ops.h"

namespace diptych::parity {

// The layer (path without /weight) that computes wrongly.
struct BrokenLayer {
  Defect defect = Defect::kNone;
  std::string layer;
};

struct LaneResult {
  Map losses;     // of src samples, then of dst samples
  Map gradients;  // as the arena has them, zeros in the gaps
  std::vector<Kink> kinks;
};

class LaneSaehd {
 public:
  // In the arena's compute dtype.
  LaneSaehd(const SaehdConfig& config,
            const ParamArena& arena,
            const BrokenLayer& broken = {},
            BlurBorder border = BlurBorder::kRenormalised);

  // One step from weights in arena order. With flips: without roundings, lane j takes the other
  // slope at flips[j - 1].
  LaneResult step(const std::vector<float>& weights,
                  const SaehdSide& src,
                  const SaehdSide& dst,
                  const std::vector<Kink>& flips = {}) const;

 private:
  struct Entry {
    Shape shape;
    size_t first;
  };

  friend class LaneNetwork;
  SaehdConfig config_;
  bool bf16_;
  BrokenLayer broken_;
  BlurBorder border_;
  std::map<std::string, Entry> entries_;
  size_t size_;
};

}  // namespace diptych::parity
