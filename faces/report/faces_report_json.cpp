// The faceset report as JSON.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <nlohmann/json.hpp>

#include "faces/report/faces_report.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using nlohmann::ordered_json;

ordered_json to_json(const Spread& s) {
  return {{"count", s.count},   {"p2", s.p2},   {"p25", s.p25},
          {"median", s.median}, {"p75", s.p75}, {"p98", s.p98}};
}

ordered_json to_json(const Duplicates& d) {
  ordered_json groups = ordered_json::array();
  for (const DuplicateGroup& g : d.groups)
    groups.push_back({{"kept", g.kept}, {"repeats", g.repeats}});
  return {{"distinct", d.distinct}, {"repeats", d.repeats}, {"groups", groups}};
}

ordered_json to_json(const SideSummary& s) {
  return {{"faceset", s.path},
          {"usable", s.usable},
          {"unusable", s.unusable},
          {"trash", s.trash},
          {"frames", s.frames},
          {"frames_without_a_face", s.frames_without},
          {"frames_with_several_faces", s.frames_crowded},
          {"without_pose", s.without_pose},
          {"sharpness", to_json(s.sharpness)},
          {"source_side_px", to_json(s.source_side)},
          {"source_side_unknown", s.unknown_side},
          {"brightness_0_255", to_json(s.brightness)},
          {"mouth_opening", to_json(s.mouth)},
          {"eye_opening", to_json(s.eyes)},
          {"open_mouths", s.open_mouths},
          {"closed_eyes", s.closed_eyes},
          {"own_masks", s.own_masks},
          {"blurred", s.blurred},
          {"small", s.small},
          {"dark", s.dark},
          {"clipped", s.clipped},
          {"half_hidden", s.half_hidden},
          {"near_duplicates", to_json(s.duplicates)},
          {"trouble", s.trouble}};
}

double rounded(double value) {
  return std::round(value * 10000) / 10000;
}

ordered_json to_json(const FaceMeasures& f) {
  ordered_json yaw, pitch;
  if (f.has_pose) {
    yaw = rounded(degrees(f.pose.yaw));
    pitch = rounded(degrees(f.pose.pitch));
  }
  return {f.id,
          f.frame_index,
          yaw,
          pitch,
          rounded(f.sharpness),
          rounded(f.source_side),
          rounded(f.brightness),
          rounded(f.dark),
          rounded(f.clipped),
          rounded(f.mask_cover),
          rounded(f.mouth),
          rounded(f.eyes)};
}

constexpr const char* kTableHere = "the table of ";
constexpr const char* kColumns =
    R"({"columns": ["id", "frame", "yaw_degrees", "pitch_degrees", "sharpness", "source_side_px",
"brightness", "dark", "clipped", "mask_cover", "mouth", "eyes"], "rows": [)";

// A line a face: an object each would say every name five thousand times.
std::string table_of(const std::vector<FaceMeasures>& faces) {
  std::string text = kColumns;
  const char* separator = "\n";
  for (const FaceMeasures& face : faces) {
    if (!face.trouble.empty()) continue;
    text += separator + to_json(face).dump();
    separator = ",\n";
  }
  return text + "]}";
}

// Rows from looking up to looking down.
ordered_json to_json(const PoseGrid& grid) {
  ordered_json rows = ordered_json::array();
  for (int pitch = 0; pitch < PoseGrid::kPitches; ++pitch) {
    ordered_json row = ordered_json::array();
    for (int yaw = 0; yaw < PoseGrid::kYaws; ++yaw) row.push_back(grid.at(yaw, pitch));
    rows.push_back(row);
  }
  return rows;
}

ordered_json to_json(const PoseCoverage& c) {
  ordered_json yaws = ordered_json::array(), pitches = ordered_json::array(),
               missing = ordered_json::array();
  for (int i = 0; i < PoseGrid::kYaws; ++i) yaws.push_back(PoseGrid::yaw_of(i));
  for (int i = 0; i < PoseGrid::kPitches; ++i) pitches.push_back(PoseGrid::pitch_of(i));
  for (const MissingPose& m : c.missing) {
    missing.push_back({{"yaw", PoseGrid::yaw_of(m.yaw)},
                       {"pitch", PoseGrid::pitch_of(m.pitch)},
                       {"dst", m.dst},
                       {"uncovered", m.uncovered},
                       {"examples", m.examples}});
  }
  return {{"yaw_degrees", yaws},
          {"pitch_degrees", pitches},
          {"src", to_json(c.src)},
          {"dst", to_json(c.dst)},
          {"uncovered", to_json(c.uncovered)},
          {"dst_faces", c.dst_faces},
          {"uncovered_faces", c.uncovered_faces},
          {"uncovered_with_random_src_flip", c.uncovered_if_flipped},
          {"missing", missing}};
}

}  // namespace

std::string to_json(const FacesReport& report,
                    const std::array<std::optional<SideMeasures>, 2>& sides) {
  ordered_json j = {{"format", 1},
                    {"resolution", report.resolution},
                    {"face_type", name_of(report.type)},
                    {"verdict", report.verdict}};
  j["findings"] = ordered_json::array();
  for (const Finding& f : report.findings)
    j["findings"].push_back({{"kind", name_of(f.kind)}, {"what", f.what}, {"remedy", f.remedy}});
  const char* const names[] = {"src", "dst"};
  for (size_t i = 0; i < 2; ++i) {
    j[names[i]] = report.sides[i] ? to_json(*report.sides[i]) : ordered_json();
    if (sides[i]) j[names[i]]["faces"] = kTableHere + std::string(names[i]);
  }
  j["poses"] = report.poses ? to_json(*report.poses) : ordered_json();
  std::string text = j.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  for (size_t i = 0; i < 2; ++i) {
    const std::string mark = str('"', kTableHere, names[i], '"');
    if (sides[i]) text.replace(text.find(mark), mark.size(), table_of(sides[i]->faces));
  }
  return text;
}

}  // namespace diptych
