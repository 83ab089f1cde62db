// Which faces of a faceset training has learnt worst.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "faces/faceset/faceset.h"

namespace diptych {

struct LossRanking {
  std::vector<FaceLoss> faces;  // active, seen often enough, worst first
  double median = 0;            // of their losses
  int64_t active = 0;           // active faces of the faceset
  int64_t never_seen = 0;       // of these: held out, or newer than the training
  int64_t too_few = 0;          // of these: seen, but fewer than min_seen times
};

// Throws InputError when no face can be ranked: training has not seen them, or not often enough.
LossRanking rank_losses(const Faceset& faces, int64_t min_seen);

// "460 of 471 faces are ranked; 8 were never seen in training, 3 fewer than 16 times".
std::string explain(const LossRanking& ranking, int64_t min_seen);

// The first `most` faces, or those with a mean loss above the limit; both together: those that meet
// both.
std::vector<FaceLoss> worst_of(const LossRanking& ranking,
                               int64_t most,
                               std::optional<double> above = std::nullopt);

}  // namespace diptych
