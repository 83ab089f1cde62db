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

}  // namespace diptych
