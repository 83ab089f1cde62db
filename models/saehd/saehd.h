// SAEHD: the shared-encoder face network, df and liae (spec networks.md 4.7).
//           df                      liae
//   src     D_src(I(E(x_src)))      D([A(E(x_src)), A(E(x_src))])
//   dst     D_dst(I(E(x_dst)))      D([B(E(x_dst)), A(E(x_dst))])
//   swap    D_src(I(E(x_dst)))      D([A(E(x_dst)), A(E(x_dst))])
//
//   E encoder; I, A, B inters (A is inter_AB, B inter_B); D decoders; [a, b] joins channels.
// Pictures are (N,R,R,3) BGR in [0,1]; masks (N,R,R,1). src and dst pass the shared parts as one
// batch, which is exact because nothing in the network mixes samples.
// SPDX-License-Identifier: MIT
#pragma once

#include "models/saehd/config.h"
#include "models/saehd/decoder.h"
#include "models/saehd/encoder.h"
#include "models/saehd/inter.h"

namespace diptych {

class Saehd {
 public:
  // Weights start at zero; see nn::initialise. Checks nothing: call config.validate() where values
  // come from outside.
  explicit Saehd(const SaehdConfig& config);
  Saehd(const Saehd&) = delete;
  Saehd& operator=(const Saehd&) = delete;

  struct Reconstruction {
    Tensor src, src_mask, dst, dst_mask;  // f32
    Tensor src_code = {}, dst_code = {};  // df: what the inter made
    Tensor swap_code = {};                // what the swapped face is decoded from, when asked for
  };

  // x holds n src pictures, then n dst pictures: (2n,R,R,3) in the compute dtype.
  Reconstruction reconstruct(const Tensor& x, bool swap_code = false) const;
  // The decoder of the swapped face: f32 picture and mask.
  Tensor swap_picture(const Tensor& swap_code) const;
  Tensor swap_mask(const Tensor& swap_code) const;

  struct Swap {
    Tensor face, mask;  // of the swapped face
    Tensor dst_mask;    // of the dst reconstruction
  };

  Swap swap(const Tensor& dst) const;

  // Encoder features of pictures, for tests: (N,F).
  Tensor encode(const Tensor& x) const { return encoder_.forward(x); }

  const SaehdConfig& config() const { return config_; }

  // In the order encoder, inter(s), decoder(s): "encoder/down1/downs_0/conv1/weight", ...
  ParameterList parameters();

 private:
  SaehdConfig config_;
  Encoder encoder_;
  Inter inter_, inter_b_;              // df: inter; liae: inter_AB and inter_B
  Decoder decoder_src_, decoder_dst_;  // liae: decoder is decoder_src_
};

}  // namespace diptych
