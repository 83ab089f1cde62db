// Comparing head poses.
// SPDX-License-Identifier: MIT
#include "faces/report/pose_coverage.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace diptych {

namespace {

constexpr double kReach = 10;  // degrees
constexpr int kEnough = 3;     // src faces within reach
constexpr size_t kExamples = 4;

struct Direction {
  double yaw, pitch;  // degrees
};

std::vector<Direction> directions_of(const std::vector<FaceMeasures>& faces) {
  std::vector<Direction> out;
  for (const FaceMeasures& face : faces) {
    if (face.trouble.empty() && face.has_pose)
      out.push_back({degrees(face.pose.yaw), degrees(face.pose.pitch)});
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.yaw < b.yaw; });
  return out;
}

// src: ascending by yaw.
bool covered(const std::vector<Direction>& src, double yaw, double pitch) {
  int have = 0;
  const auto first = std::lower_bound(src.begin(), src.end(), yaw - kReach,
                                      [](const Direction& d, double v) { return d.yaw < v; });
  for (auto it = first; it != src.end() && it->yaw <= yaw + kReach && have < kEnough; ++it)
    have += std::hypot(it->yaw - yaw, it->pitch - pitch) <= kReach;
  return have >= kEnough;
}

int cell_of(double degrees, int cells) {
  if (!(degrees == degrees)) return cells / 2;
  const double cell = std::floor(degrees / PoseGrid::kStep) + cells / 2;
  return static_cast<int>(std::clamp(cell, 0.0, cells - 1.0));
}

void list_missing(PoseCoverage& c, const std::map<std::pair<int, int>, std::vector<int64_t>>& ids) {
  for (const auto& [cell, faces] : ids) {
    MissingPose missing{cell.first,
                        cell.second,
                        c.dst.at(cell.first, cell.second),
                        static_cast<int64_t>(faces.size()),
                        {}};
    const size_t count = std::min(kExamples, faces.size());
    for (size_t i = 0; i < count; ++i)
      missing.examples.push_back(faces[(2 * i + 1) * faces.size() / (2 * count)]);
    c.missing.push_back(std::move(missing));
  }
  std::stable_sort(c.missing.begin(), c.missing.end(),
                   [](auto& a, auto& b) { return a.uncovered > b.uncovered; });
}

}  // namespace

double degrees(double radians) {
  return radians * 57.29577951308232;
}

int PoseGrid::yaw_cell(const Pose& pose) {
  return cell_of(degrees(pose.yaw), kYaws);
}

int PoseGrid::pitch_cell(const Pose& pose) {
  return kPitches - 1 - cell_of(degrees(pose.pitch), kPitches);
}

double PoseGrid::yaw_of(int cell) {
  return (cell - kYaws / 2 + 0.5) * kStep;
}

double PoseGrid::pitch_of(int cell) {
  return (kPitches / 2 - cell - 0.5) * kStep;
}

PoseCoverage compare_poses(const std::vector<FaceMeasures>& src,
                           const std::vector<FaceMeasures>& dst) {
  PoseCoverage c;
  const std::vector<Direction> known = directions_of(src);
  for (const FaceMeasures& face : src) {
    if (face.trouble.empty() && face.has_pose)
      ++c.src.at(PoseGrid::yaw_cell(face.pose), PoseGrid::pitch_cell(face.pose));
  }
  std::map<std::pair<int, int>, std::vector<int64_t>> ids;
  for (const FaceMeasures& face : dst) {
    if (!face.trouble.empty() || !face.has_pose) continue;
    const int yaw = PoseGrid::yaw_cell(face.pose), pitch = PoseGrid::pitch_cell(face.pose);
    const double y = degrees(face.pose.yaw), p = degrees(face.pose.pitch);
    ++c.dst_faces;
    ++c.dst.at(yaw, pitch);
    if (covered(known, y, p)) continue;
    ++c.uncovered_faces;
    ++c.uncovered.at(yaw, pitch);
    c.uncovered_if_flipped += !covered(known, -y, p);
    ids[{yaw, pitch}].push_back(face.id);
  }
  list_missing(c, ids);
  return c;
}

}  // namespace diptych
