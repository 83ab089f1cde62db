// Finding near-duplicates.
// SPDX-License-Identifier: MIT
#include "faces/report/near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "faces/report/pose_coverage.h"

namespace diptych {

namespace {

constexpr double kGreyLevels = 3;
constexpr double kEyes = 0.07, kMouth = 0.07, kDegrees = 4;

bool alike(const FaceMeasures& a, const FaceMeasures& b) {
  if (std::abs(a.mouth - b.mouth) > kMouth || std::abs(a.eyes - b.eyes) > kEyes) return false;
  const double turn = std::hypot(a.pose.yaw - b.pose.yaw, a.pose.pitch - b.pose.pitch);
  return degrees(turn) <= kDegrees && thumbnail_distance(a.thumbnail, b.thumbnail) < kGreyLevels;
}

}  // namespace

double thumbnail_distance(const FaceThumbnail& a, const FaceThumbnail& b) {
  int sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return double(sum) / static_cast<double>(a.size());
}

Duplicates find_duplicates(const std::vector<FaceMeasures>& faces) {
  struct Leader {
    const FaceMeasures* face;
    size_t group;
  };

  std::vector<Leader> leaders;
  Duplicates result;
  for (const FaceMeasures& face : faces) {
    if (!face.trouble.empty()) continue;
    // The newest first: in a video the look-alikes stand close together.
    const auto found = std::find_if(leaders.rbegin(), leaders.rend(),
                                    [&](const Leader& l) { return alike(*l.face, face); });
    if (found == leaders.rend()) {
      leaders.push_back({&face, result.groups.size()});
      result.groups.push_back({face.id, {}});
      ++result.distinct;
    } else {
      result.groups[found->group].repeats.push_back(face.id);
      ++result.repeats;
    }
  }
  std::erase_if(result.groups, [](const DuplicateGroup& g) { return g.repeats.empty(); });
  std::stable_sort(result.groups.begin(), result.groups.end(),
                   [](auto& a, auto& b) { return a.repeats.size() > b.repeats.size(); });
  return result;
}

}  // namespace diptych
