// Provoked failures of training: a lesson, and the proof that training recovers alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "models/saehd/trainer.h"

namespace diptych {

// Does it to the weights, once:
//   nan       a weight of the encoder becomes NaN: every loss is NaN from then on
//   collapse  the biases of the decoders' last convolution run away: the sigmoids saturate, the
//             pictures turn white, and their gradient is gone
// Throws InputError for another word.
void provoke(SaehdTrainer& trainer, const std::string& kind);

// Throws InputError when the word is none of the above.
void check_provoke(const std::string& kind);

}  // namespace diptych
