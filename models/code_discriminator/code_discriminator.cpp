// The code discriminator.
// SPDX-License-Identifier: MIT
#include "models/code_discriminator/code_discriminator.h"

#include <algorithm>

#include "tensor/profile.h"

namespace diptych {

CodeDiscriminator::CodeDiscriminator(const CodeDiscriminatorConfig& config) : config_(config) {
  DIPTYCH_CHECK(config.channels > 0 && config.side > 0, "CodeDiscriminator: code of side ",
                config.side, " with ", config.channels, " channels");
  int in = config.channels;
  for (int i = 0; i < 1 + config.side / 8; ++i) {
    const int out = 256 * (1 << std::min(i, 3));
    convs_.emplace_back(nn::Conv2dConfig{
        .in = in, .out = out, .kernel = i == 0 ? 4 : 3, .stride = 2, .leaky_slope = 0.1f});
    in = out;
  }
  out_conv_ = nn::Conv2d({.in = in, .out = 1, .kernel = 1});
}

Tensor CodeDiscriminator::forward(const Tensor& code) const {
  const ProfileScope scope("code_discriminator");
  Tensor x = code;
  for (const nn::Conv2d& conv : convs_) x = conv.forward(x);
  return out_conv_.forward(x, {}, true);
}

ParameterList CodeDiscriminator::parameters(const std::string& path) {
  ParameterList list;
  for (size_t i = 0; i < convs_.size(); ++i)
    convs_[i].parameters(path + "/convs_" + std::to_string(i), list);
  out_conv_.parameters(path + "/out_conv", list);
  return list;
}

}  // namespace diptych
