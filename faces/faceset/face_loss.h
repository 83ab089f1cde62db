// The running mean of a face's loss. It forgets: it is over about the last kLossMemory sightings,
// so that it tells how well the face is learnt now, and over many warps, so that it does not tell
// how lucky the last ones were.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "faces/faceset/faceset.h"

namespace diptych {

inline constexpr int64_t kLossMemory = 64;

// What is known of a face after `seen` more sightings with this mean loss.
FaceLoss with_sightings(const FaceLoss& known, int64_t seen, double mean_loss);

}  // namespace diptych
