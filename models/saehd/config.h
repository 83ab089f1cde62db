// SaehdConfig: what fixes the shapes of a SAEHD network, and the rules the numbers obey (spec
// networks.md 4.1, 4.2).
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "kernels/common/check.h"

namespace diptych {

struct SaehdConfig {
  int resolution = 128;  // 64..640, a multiple of 16; of 32 with d or t
  bool liae = false;     // df otherwise
  bool u = false;        // pixel norm on the encoder's output
  bool d = false;        // trunk ends at half resolution, four interleaved heads
  bool t = false;        // deeper encoder and decoder with residual blocks
  bool c = false;        // x cos x instead of leaky ReLU
  int ae_dims = 256;     // 32..1024 (tests may go lower through unchecked())
  int e_dims = 64;       // 16..256, even
  int d_dims = 64;       // 16..256, even
  int d_mask_dims = 22;  // 16..256, even

  // Reads "df", "liae", "df-ud", "liae-udt", ...; letters in any order. Throws Error naming what is
  // legal.
  void set_archi(const std::string& archi);
  std::string archi() const;

  // Throws Error that names the value, the rule and the nearest legal value.
  void validate() const;

  int multiple() const { return d || t ? 32 : 16; }

  int encoder_out() const { return resolution / (t ? 32 : 16); }  // side of the encoder's output

  int lowest() const { return resolution / (d ? 32 : 16); }  // side L of dense2's output

  int inter_out() const { return t ? lowest() : 2 * lowest(); }  // side of the inter's output

  int64_t encoder_features() const { return int64_t{8} * e_dims * encoder_out() * encoder_out(); }

  int inter_channels() const { return liae ? 2 * ae_dims : ae_dims; }

  int decoder_in() const { return liae ? 4 * ae_dims : ae_dims; }
};

}  // namespace diptych
