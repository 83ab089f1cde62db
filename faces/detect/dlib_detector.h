// Detection and landmarks by dlib: HOG frontal face detector (Dalal & Triggs 2005; King 2009) and a
// regression-tree shape predictor (Kazemi & Sullivan 2014). The landmark model file was trained on
// iBUG 300-W, whose terms exclude commercial use. SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>

#include "faces/detect/detector.h"

namespace diptych {

struct DlibDetectorOptions {
  // Longer side at which a picture is searched. The detector sees faces of 80 pixels and more at
  // that size.
  int search_side = 640;
  // Twice the side when nothing was found, then quarter turns of the picture: 90, 270, 180 degrees.
  bool search_larger = true;
  bool search_rotated = true;
  double threshold = 0.0;  // on the detector's score
};

std::unique_ptr<FaceDetector> make_dlib_detector(const DlibDetectorOptions& options = {});

// Places that are looked at for the model: DIPTYCH_LANDMARKS, /usr/share/dlib,
// /usr/local/share/dlib. Throws InputError naming the package when there is none.
std::filesystem::path find_landmark_model();

// Reads the model. InputError when the file is missing or damaged.
std::unique_ptr<LandmarkPredictor> make_dlib_landmarks(const std::filesystem::path& model);

}  // namespace diptych
