// One side of a swap in numbers: spreads, and how many faces are blurred, small, dark, burnt out.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "faces/report/measure_faceset.h"
#include "faces/report/near_duplicates.h"

namespace diptych {

// Percentiles of some values; all 0 when there are none.
struct Spread {
  int64_t count = 0;
  double p2 = 0, p25 = 0, median = 0, p75 = 0, p98 = 0;
};

Spread spread_of(std::vector<double> values);

// Where a face counts as what. Blur is judged against the resolution that will be trained.
struct ReportLimits {
  static constexpr double kBlurred = 0.3;       // sharpness below
  static constexpr double kSmall = 0.75;        // source side below this share of the resolution
  static constexpr double kDarkFace = 50;       // mean brightness below, of 255
  static constexpr double kClippedShare = 0.1;  // of the face's pixels
  static constexpr double kOpenMouth = 0.2;     // gap of the lips over the mouth's width
  static constexpr double kClosedEyes = 0.18;   // height of the eyes over their width
  static constexpr double kCovered = 0.6;       // of the hull inside the mask, below: half hidden
};

struct SideSummary {
  std::string path;
  int64_t usable = 0;    // faces without trouble
  int64_t unusable = 0;  // with
  int64_t trash = 0;
  int64_t frames = 0, frames_without = 0, frames_crowded = 0;
  int64_t without_pose = 0;
  Spread sharpness, source_side, brightness, mouth, eyes;
  // Ids of the faces, the worst first.
  std::vector<int64_t> blurred, small, dark, clipped, half_hidden;
  int64_t own_masks = 0;
  int64_t open_mouths = 0, closed_eyes = 0;
  int64_t unknown_side = 0;  // faces that do not tell their size in the source
  Duplicates duplicates;
  std::vector<std::string> trouble;  // "face 12: ..."

  double share(int64_t count) const { return usable > 0 ? double(count) / double(usable) : 0; }

  double share(const std::vector<int64_t>& ids) const {
    return share(static_cast<int64_t>(ids.size()));
  }
};

SideSummary summarize(const SideMeasures& side, int resolution);

}  // namespace diptych
