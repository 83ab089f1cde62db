// Which letters u and c an imported model fits. They change no shape of any weight, so a wrong one
// shows in the pictures alone: weights that have learnt draw faces with the letters they were
// trained with, and noise with others.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "apps/training/holdout.h"
#include "tensor/safetensors.h"

namespace diptych {

struct LetterTrial {
  std::string archi;
  double dssim = 0;  // mean of both sides' faces, 0.5: nothing alike
};

// The checkpoint's weights with every combination of the letters u and c, its own first. The faces
// need not be those it was trained on.
std::vector<LetterTrial> try_letters(const Safetensors& checkpoint, const Holdout& faces);

// A sentence when other letters than its own draw the faces far better; else empty.
std::string doubt_of_letters(const std::vector<LetterTrial>& trials);

}  // namespace diptych
