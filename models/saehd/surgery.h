// Weight surgery: the weights of one SAEHD network as the start of another, of other sizes.
//
// Weights that have their like in the other network, by name, are taken over:
//   copied   same shape: bit for bit, with the optimizer's moments
//   resized  another grid (dense1, dense2), other channels, or a 1x1 head for a 3x3 one; no moments
//   fresh    nothing there is like it: the seed's values
//
// Grid. R(m <- n), an (m,n) matrix whose rows add up to 1, resamples n values as m: linearly
// between centres when m > n, by area when m < n; on a picture, R along rows and along columns.
//   dense2  W'[p',:] = sum over p of R(L' <- L)[p',p] W[p,:]     the code is the old one resampled
//   dense1  W'[:,p'] = sum over p of R(S <- S')[p,p'] W[:,p]     it reads the new features
//   resampled
//                                                               to the old grid
// So features that are the same all over the picture give the code they gave before.
//
// Channels. The first min(old, new) are taken over. More outputs start fresh; old outputs get zeros
// for inputs that were not there, so a network that only got wider makes the pictures it made (with
// option u nearly: the norm runs over the new features too). Fewer channels lose what they held.
//
// df -> liae: both inters start from the inter, the decoder from decoder_src, reading the first
// channels of inter_AB: src and the swap are what they were. liae -> df: the inter starts from
// inter_AB, both decoders from the decoder with its two halves of input added: with twice the
// ae_dims src and the swap are what they were.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/saehd/trainer.h"

namespace diptych {

enum class Carried : uint8_t { kCopied, kResized, kFresh };

const char* name_of(Carried kind);

struct CarriedLayer {
  std::string name;  // "inter/dense1"
  Carried kind = Carried::kFresh;
  std::string how;  // "grid 4x4 -> 8x8, wider"
  int64_t weights = 0;
};

// Layers of one part of the network that fared alike.
struct CarriedGroup {
  std::string part;  // "inter"
  Carried kind = Carried::kFresh;
  std::string how;
  std::vector<std::string> layers;  // without the part
  int64_t weights = 0;
  bool whole = false;  // all layers of the part
};

struct SurgeryReport {
  SaehdConfig from;
  int64_t iteration = 0;             // of the checkpoint that was read
  std::vector<CarriedLayer> layers;  // in the network's order
  bool moments = false;              // copied layers brought theirs
  std::vector<std::string> notes;

  std::vector<CarriedGroup> groups() const;
};

// Puts the weights of a checkpoint into a new trainer; its iteration stays 0. Throws InputError
// when the checkpoint is not one of SAEHD, lacks weights or holds some that are not finite; the
// trainer is then as it was.
SurgeryReport carry_over(const Safetensors& from, SaehdTrainer& trainer);

// R(to <- from) as rows of (index, weight). For tests.
using SparseRows = std::vector<std::vector<std::pair<int64_t, double>>>;
SparseRows resample_rows(int64_t to, int64_t from);

}  // namespace diptych
