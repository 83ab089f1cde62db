// The faceset report: what two facesets hold, how they fit each other, and what that means for
// training, in plain sentences.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "faces/report/pose_coverage.h"
#include "faces/report/side_summary.h"

namespace diptych {

enum class FindingKind { kGood, kNote, kHurts, kStops };

// "good", "note", "hurts", "stops".
const char* name_of(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::kNote;
  double weight = 0;   // order within a kind, larger first
  std::string what;    // a sentence
  std::string remedy;  // a sentence, empty for what is good
};

struct FacesReport {
  int resolution = 128;
  FaceType type = FaceType::kWhole;
  std::array<bool, 2> asked = {true, true};         // src, dst; false: the report leaves it out
  std::array<std::optional<SideSummary>, 2> sides;  // src, dst; empty: no faceset
  std::optional<PoseCoverage> poses;                // when both sides have faces
  std::vector<Finding> findings;                    // stops, hurts, notes, good; weightiest first
  std::string verdict;                              // one sentence over all
};

// Where there is no faceset of a side, the report is about the other one; that one is missing is a
// finding when it was asked for.
FacesReport make_faces_report(const std::array<std::optional<SideMeasures>, 2>& sides,
                              int resolution,
                              FaceType type,
                              std::array<bool, 2> asked = {true, true});

// verdict.cpp: the findings of a report whose numbers are complete, sorted.
std::vector<Finding> judge(const FacesReport& report);
std::string verdict_of(const std::vector<Finding>& findings);

// faces_report_json.cpp: everything as JSON, a line per face with the measures it was made from.
std::string to_json(const FacesReport& report,
                    const std::array<std::optional<SideMeasures>, 2>& sides);

}  // namespace diptych
