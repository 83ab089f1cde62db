// Faces that look almost the same: they take time and room, and teach nothing new.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "faces/report/face_measures.h"

namespace diptych {

struct DuplicateGroup {
  int64_t kept = 0;              // the first face of the group
  std::vector<int64_t> repeats;  // those that look like it
};

struct Duplicates {
  int64_t distinct = 0;                // faces that look like none before them
  int64_t repeats = 0;                 // the others
  std::vector<DuplicateGroup> groups;  // with repeats, largest first
};

// Each face is compared with the distinct ones before it: the middles of their pictures differ by
// less than 3 grey levels of 255 on average, apart from brightness, and eyes, mouth and head are
// in the same position to the noise of the landmarks. Faces with trouble do not count.
Duplicates find_duplicates(const std::vector<FaceMeasures>& faces);

// Mean difference of two pictures in grey levels.
double thumbnail_distance(const FaceThumbnail& a, const FaceThumbnail& b);

}  // namespace diptych
