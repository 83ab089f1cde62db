// Head poses of src against those of dst: what dst shows and src cannot teach.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "faces/report/face_measures.h"

namespace diptych {

// Counts of faces by yaw and pitch in cells of 10 degrees; what lies beyond the ends counts in the
// last cells.
struct PoseGrid {
  static constexpr int kYaws = 16, kPitches = 10;  // -80..80, -50..50
  static constexpr double kStep = 10;              // degrees
  std::vector<int64_t> counts = std::vector<int64_t>(size_t{kYaws} * kPitches);

  // Cell of a pose: row 0 looks up most, column 0 has the most negative yaw.
  static int yaw_cell(const Pose& pose);
  static int pitch_cell(const Pose& pose);

  int64_t& at(int yaw, int pitch) { return counts[static_cast<size_t>(pitch * kYaws + yaw)]; }

  int64_t at(int yaw, int pitch) const { return counts[static_cast<size_t>(pitch * kYaws + yaw)]; }

  // Centre of a cell in degrees.
  static double yaw_of(int cell);
  static double pitch_of(int cell);
};

struct MissingPose {
  int yaw = 0, pitch = 0;          // cell
  int64_t dst = 0, uncovered = 0;  // faces of dst in it; those that src does not cover
  std::vector<int64_t> examples;   // ids of some of these, evenly spread
};

struct PoseCoverage {
  PoseGrid src, dst, uncovered;      // uncovered: faces of dst without enough src faces nearby
  int64_t dst_faces = 0;             // with a pose
  int64_t uncovered_faces = 0;       // of these
  int64_t uncovered_if_flipped = 0;  // when mirrored src faces count too
  std::vector<MissingPose> missing;  // cells with the most uncovered faces first
};

// A face of dst is covered when at least 3 src faces look the same way to 10 degrees of yaw and
// pitch together. Faces with trouble or without a pose do not count. Either may be empty.
PoseCoverage compare_poses(const std::vector<FaceMeasures>& src,
                           const std::vector<FaceMeasures>& dst);

double degrees(double radians);

}  // namespace diptych
