// The encoder: pictures (N,R,R,3) to feature vectors (N,F), F = 8 e (R/16)^2, or 8 e (R/32)^2 with
// t (spec networks.md 4.4). Features are in NHWC order; the file layout's C,H,W order is undone in
// layout.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "models/saehd/blocks.h"
#include "models/saehd/config.h"

namespace diptych {

class Encoder {
 public:
  Encoder() = default;
  explicit Encoder(const SaehdConfig& config);
  Tensor forward(const Tensor& x) const;
  void parameters(const std::string& path, ParameterList& list);

 private:
  SaehdConfig config_;
  std::vector<Downscale> downs_;
  Residual res1_, res5_;  // only with t
};

}  // namespace diptych
