// Putting the faceset report together.
// SPDX-License-Identifier: MIT
#include "faces/report/faces_report.h"

namespace diptych {

FacesReport make_faces_report(const std::array<std::optional<SideMeasures>, 2>& sides,
                              int resolution,
                              FaceType type,
                              std::array<bool, 2> asked) {
  FacesReport report;
  report.asked = asked;
  report.resolution = resolution;
  report.type = type;
  for (size_t i = 0; i < sides.size(); ++i) {
    if (sides[i]) report.sides[i] = summarize(*sides[i], resolution);
  }
  const bool both = report.sides[0] && report.sides[1] && report.sides[0]->usable > 0 &&
                    report.sides[1]->usable > 0;
  if (both) report.poses = compare_poses(sides[0]->faces, sides[1]->faces);
  report.findings = judge(report);
  report.verdict = verdict_of(report.findings);
  return report;
}

}  // namespace diptych
