// Summing up one side.
// SPDX-License-Identifier: MIT
#include "faces/report/side_summary.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/check.h"

namespace diptych {

namespace {

using Limits = ReportLimits;

// Ids of the faces with a badness above 0, the worst first.
template <class Badness>
std::vector<int64_t> worst_first(const std::vector<const FaceMeasures*>& faces,
                                 const Badness& badness) {
  std::vector<std::pair<double, int64_t>> bad;
  for (const FaceMeasures* face : faces) {
    if (const double b = badness(*face); b > 0) bad.emplace_back(-b, face->id);
  }
  std::sort(bad.begin(), bad.end());
  std::vector<int64_t> ids;
  for (const auto& [b, id] : bad) ids.push_back(id);
  return ids;
}

template <class Value>
Spread spread_over(const std::vector<const FaceMeasures*>& faces, const Value& value) {
  std::vector<double> values;
  for (const FaceMeasures* face : faces) values.push_back(value(*face));
  return spread_of(std::move(values));
}

void summarize_faces(const std::vector<const FaceMeasures*>& faces,
                     int resolution,
                     SideSummary& s) {
  const double small = Limits::kSmall * resolution;
  s.sharpness = spread_over(faces, [](const FaceMeasures& f) { return f.sharpness; });
  s.brightness = spread_over(faces, [](const FaceMeasures& f) { return f.brightness; });
  s.mouth = spread_over(faces, [](const FaceMeasures& f) { return f.mouth; });
  s.eyes = spread_over(faces, [](const FaceMeasures& f) { return f.eyes; });
  std::vector<double> sides;
  for (const FaceMeasures* f : faces) {
    if (f->source_side > 0) sides.push_back(f->source_side);
    s.unknown_side += f->source_side <= 0;
    s.without_pose += !f->has_pose;
    s.own_masks += f->own_mask;
    s.open_mouths += f->mouth > Limits::kOpenMouth;
    s.closed_eyes += f->eyes < Limits::kClosedEyes;
  }
  s.source_side = spread_of(std::move(sides));
  s.blurred =
      worst_first(faces, [](const FaceMeasures& f) { return Limits::kBlurred - f.sharpness; });
  s.small = worst_first(
      faces, [&](const FaceMeasures& f) { return f.source_side > 0 ? small - f.source_side : 0; });
  s.dark =
      worst_first(faces, [](const FaceMeasures& f) { return Limits::kDarkFace - f.brightness; });
  s.clipped =
      worst_first(faces, [](const FaceMeasures& f) { return f.clipped - Limits::kClippedShare; });
  s.half_hidden =
      worst_first(faces, [](const FaceMeasures& f) { return Limits::kCovered - f.mask_cover; });
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {static_cast<int64_t>(values.size()), at(0.02), at(0.25), at(0.5), at(0.75), at(0.98)};
}

SideSummary summarize(const SideMeasures& side, int resolution) {
  SideSummary s;
  s.path = side.path;
  s.trash = side.trash;
  s.frames = side.frames;
  s.frames_without = side.frames_without;
  s.frames_crowded = side.frames_crowded;
  std::vector<const FaceMeasures*> usable;
  for (const FaceMeasures& face : side.faces) {
    if (face.trouble.empty()) {
      usable.push_back(&face);
      continue;
    }
    ++s.unusable;
    s.trouble.push_back(str("face ", face.id, ": ", face.trouble));
  }
  s.usable = static_cast<int64_t>(usable.size());
  summarize_faces(usable, resolution, s);
  s.duplicates = find_duplicates(side.faces);
  return s;
}

}  // namespace diptych
