// The decoder: a code (N,S,S,c_in) to a picture (N,R,R,3) and, by a branch of its own, a mask
// (N,R,R,1), both f32 after a sigmoid (spec networks.md 4.6).
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "models/saehd/blocks.h"
#include "models/saehd/config.h"

namespace diptych {

class Decoder {
 public:
  Decoder() = default;
  explicit Decoder(const SaehdConfig& config);
  // name: for the profile ("decoder_src", "decoder_dst", "decoder").
  Tensor picture(const Tensor& code, const char* name) const;
  Tensor mask(const Tensor& code, const char* name) const;
  void parameters(const std::string& path, ParameterList& list);

 private:
  Tensor interleaved_head(const Tensor& x) const;

  SaehdConfig config_;
  std::vector<Upscale> upscales_, mask_upscales_;
  std::vector<Residual> residuals_;
  std::vector<nn::Conv2d> heads_;  // one, or four with d
  nn::Conv2d mask_head_;
};

}  // namespace diptych
