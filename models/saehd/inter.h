// The inter: features (N,F) through a bottleneck of ae values to a code (N,S,S,o) (spec
// networks.md 4.5). There is no activation between or after the dense layers.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "models/saehd/blocks.h"
#include "models/saehd/config.h"
#include "nn/dense.h"

namespace diptych {

class Inter {
 public:
  Inter() = default;
  explicit Inter(const SaehdConfig& config);
  // name: for the profile ("inter", "inter_AB", "inter_B").
  Tensor forward(const Tensor& features, const char* name) const;
  void parameters(const std::string& path, ParameterList& list);

 private:
  SaehdConfig config_;
  nn::Dense dense1_, dense2_;
  Upscale upscale1_;  // absent with t
};

}  // namespace diptych
