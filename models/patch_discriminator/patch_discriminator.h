// PatchDiscriminator: a U-Net that says of a picture, patch by patch and pixel by pixel, how real
// it looks (spec networks.md 5.1; Schonfeld et al., arXiv 2002.12655).
//
//   x (N,R,R,3) -> 1x1 to w_0 -> 3x3 convolutions down, w_j = min(base * 2^j, 512)
//       lowest map -> 1x1 -> center logits (N,r,r,1)
//       lowest map -> 1x1 -> transposed 3x3 convolutions up, each joined with the map of its level
//                            from the way down -> 1x1 -> full logits (N,R,R,1)
// Leaky ReLU 0.2 everywhere but at the logits. Logits above 0 say real.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "models/patch_discriminator/layers.h"
#include "nn/conv2d.h"
#include "nn/conv_transpose2d.h"

namespace diptych {

struct PatchDiscriminatorConfig {
  int resolution = 128;
  int patch_size = 16;  // 3..640: field of view of a center logit, met as nearly as possible
  int base_width = 16;  // 4..512: gan_dims, channels at full size

  // Throws Error that names the value, the rule and the nearest legal value.
  void validate() const;
};

class PatchDiscriminator {
 public:
  // Weights start at zero; see nn::initialise. Throws Error when the layers do not fit the
  // resolution.
  explicit PatchDiscriminator(const PatchDiscriminatorConfig& config);
  PatchDiscriminator(const PatchDiscriminator&) = delete;
  PatchDiscriminator& operator=(const PatchDiscriminator&) = delete;

  struct Logits {
    Tensor center, full;  // f32
  };

  // x (N,R,R,3) in the dtype of the compute copies.
  Logits forward(const Tensor& x) const;

  const PatchDiscriminatorConfig& config() const { return config_; }

  const PatchLayers& layers() const { return patch_layers(config_.patch_size); }

  // "PATH/in_conv/weight", "PATH/convs_0/weight", ...: the names of the original's files.
  ParameterList parameters(const std::string& path);

 private:
  PatchDiscriminatorConfig config_;
  nn::Conv2d in_conv_, center_out_, center_conv_, out_conv_;
  std::vector<nn::Conv2d> convs_;
  std::vector<nn::ConvTranspose2d> upconvs_;  // deepest first
};

}  // namespace diptych
