// dlib's face detector (histograms of oriented gradients) and landmark predictor (regression trees,
// Kazemi and Sullivan 2014). Both run on the CPU.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include "faces/detect/detect.h"

namespace diptych {

struct DlibDetectorOptions {
  int min_face = 40;  // side in pixels of the smallest face looked for
  // Pixels to look at per frame, about 0.1 s of one core for each million. Larger frames are shrunk
  // to it (a 1080p frame then shows faces from 110 px), smaller ones enlarged to half of it. Where
  // that finds nothing, four times as many are looked at.
  double megapixels = 1.1;
  double threshold = 0.2;    // score below which a hit does not count
  bool turned_faces = true;  // when there is no upright face: also by 90, 270, 180, 45, 315 degrees
};

std::unique_ptr<FaceDetector> make_dlib_detector(const DlibDetectorOptions& options = {});

// The model file: environment variable DIPTYCH_LANDMARK_MODEL, or where Debian's package
// libdlib-data puts it. Its training pictures (iBUG 300-W) are for non-commercial use only.
std::filesystem::path default_landmark_model();

// InputError when the file is missing, damaged or predicts another number of points than 68.
std::unique_ptr<LandmarkPredictor> make_dlib_landmarks(
    const std::filesystem::path& model = default_landmark_model());

}  // namespace diptych
