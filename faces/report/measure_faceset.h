// Measuring all active faces of a faceset, on all cores.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "faces/report/face_measures.h"

namespace diptych {

struct SideMeasures {
  std::string path;
  int64_t trash = 0;
  int64_t frames = 0;               // looked at
  int64_t frames_without = 0;       // of these: no active face
  int64_t frames_crowded = 0;       // of these: more than one active face
  std::vector<FaceMeasures> faces;  // active, by frame
};

struct MeasureOptions {
  int resolution = 128;                        // that will be trained
  FaceType type = FaceType::kWhole;            // that will be trained
  std::function<bool()> stop;                  // asked now and then
  std::function<void(int64_t done)> progress;  // called on the caller's thread
};

// Nothing when it was stopped. A face that cannot be read is measured with its trouble; InputError
// when the faceset itself is damaged.
std::optional<SideMeasures> measure_faceset(const Faceset& faces, const MeasureOptions& options);

}  // namespace diptych
