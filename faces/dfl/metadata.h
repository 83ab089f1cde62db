// What DeepFaceLab knows of an aligned face: the dictionary in the picture, in a pack's list and in
// meta.dat (spec formats.md 4 to 6).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"
#include "tensor/pickle/pickle_reader.h"
#include "tensor/pickle/pickle_writer.h"

namespace diptych {

// Points in pixels of the aligned picture.
struct DflPolygon {
  bool include = true;  // false: cuts a hole into all that include
  std::vector<cv::Point2d> points;
};

struct DflMetadata {
  std::string face_type = "full_face";  // a name of face_type.h, or mark_only
  std::optional<Landmarks> landmarks;   // in the aligned picture
  std::optional<Landmarks> source_landmarks;
  std::string source_filename;            // base name of the frame, empty when unknown
  std::optional<cv::Rect2d> source_rect;  // in the frame
  std::optional<cv::Matx23d> matrix;      // frame -> picture
  std::vector<DflPolygon> polygons;       // including ones first
  std::vector<uint8_t> mask;              // an encoded picture, empty: none
  double eyebrow_factor = 1.0;
};

bool operator==(const DflPolygon& a, const DflPolygon& b);
bool operator==(const DflMetadata& a, const DflMetadata& b);

// From a dictionary. Keys that are missing keep their defaults; unknown ones are passed over.
// Throws Error that names the key and what is wrong with it: not numbers, wrong count, not finite,
// a matrix without an inverse, an unknown face type.
DflMetadata dfl_metadata_from(const PickleValue& dict);

// The keys of the metadata with their values, into a dictionary that is open. Keys of `keep` that
// diptych does not know follow unchanged.
void write_dfl_fields(PickleWriter& writer,
                      const DflMetadata& metadata,
                      const PickleValue* keep = nullptr);
// The polygons as DeepFaceLab's {'polys': [...]}.
void write_dfl_polygons(PickleWriter& writer, const std::vector<DflPolygon>& polygons);

// Number of a face type in packs (0 .. 100); by name, or by number as in a pack. Throws Error.
int dfl_face_code(const std::string& face_type);
std::string dfl_face_type(const PickleEnum& code);

// Polygons drawn in order at a size: 255 inside an including one unless an excluding one covers it.
// Points are truncated, edges hard, as the original draws (spec formats.md 5.1).
cv::Mat draw_dfl_polygons(const std::vector<DflPolygon>& polygons, cv::Size size);

}  // namespace diptych
