// What extraction does with one frame.
// SPDX-License-Identifier: MIT
#pragma once

#include "faces/extract/extract.h"

namespace diptych {

// Finds, cuts and encodes the faces of a frame. A face whose landmarks fail is left out, with a
// note.
FrameFaces faces_of_frame(const Frame& frame,
                          const std::string& source_name,
                          FaceDetector& detector,
                          const LandmarkPredictor& predictor,
                          const ExtractOptions& options);

// Notes `value` under `key` in the faceset, or throws InputError when another value stands there:
// frames are known by their number, so a faceset belongs to one source and one kind of crop.
void claim(Faceset& faceset, const std::string& key, const std::string& value);

}  // namespace diptych
