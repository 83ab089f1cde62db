// A folder of face pictures that another program cut, without any metadata.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "faces/extract/extract.h"

namespace diptych {

struct PictureImport {
  int64_t faces = 0;                  // stored in this run
  std::vector<std::string> left_out;  // "NAME: reason"
  bool stopped = false;
};

// Stores the pictures of a folder, in natural order, as faces of `options.face_type`, their bytes
// unchanged (pictures that are not JPEG or PNG, or that carry EXIF, as PNG). Landmarks are those of
// the largest face found in the picture. Left out: what cannot be read, is not square, shows no
// face, or is cut so differently from the face type that training would not fit. The picture counts
// as its own frame, its number is its place in the folder; a second run goes on. To cut faces out
// of photographs, use extract_faces() with the folder as the source instead. Used of the options:
// face_type, stop, progress. InputError: the folder holds no pictures; the faceset holds the frames
// of another source.
PictureImport import_pictures(const std::filesystem::path& folder,
                              FaceDetector& detector,
                              const LandmarkPredictor& predictor,
                              Faceset& faceset,
                              const ExtractOptions& options = {});

}  // namespace diptych
