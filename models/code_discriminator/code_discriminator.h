// CodeDiscriminator: tells codes of dst pictures from codes of src pictures, for the true-face term
// (spec networks.md 5.2).
//
//   code (N,q,q,ae) -> 4x4 stride 2 to 256 -> 3x3 stride 2, 1 + q/8 layers in all, widths
//   256 * min(2^i, 8) -> 1x1 -> logits (N,r,r,1)
// Leaky ReLU 0.1 everywhere but at the logits. Logits above 0 say dst.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "nn/conv2d.h"

namespace diptych {

struct CodeDiscriminatorConfig {
  int channels = 256;  // ae_dims
  int side = 8;        // of the inter's output
};

class CodeDiscriminator {
 public:
  // Weights start at zero; see nn::initialise.
  explicit CodeDiscriminator(const CodeDiscriminatorConfig& config);
  CodeDiscriminator(const CodeDiscriminator&) = delete;
  CodeDiscriminator& operator=(const CodeDiscriminator&) = delete;

  // code (N,side,side,channels) in the dtype of the compute copies, channels as the inter stores
  // them (tensor/channels.h) -> logits, f32.
  Tensor forward(const Tensor& code) const;

  const CodeDiscriminatorConfig& config() const { return config_; }

  // "PATH/convs_0/weight", ...: the names of the original's files.
  ParameterList parameters(const std::string& path);

 private:
  CodeDiscriminatorConfig config_;
  std::vector<nn::Conv2d> convs_;
  nn::Conv2d out_conv_;
};

}  // namespace diptych
