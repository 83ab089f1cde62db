// Finding faces and their 68 landmarks: the interfaces that extraction works with.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"

namespace diptych {

// A square around a face. `rotation`: degrees by which the frame has to be turned clockwise to set
// the face upright (0 for an upright face); the square is then axis-parallel in the turned frame
// and `box` is the square of that side around the same centre in the frame as it is.
struct Detection {
  cv::Rect2d box;
  double score = 0;  // of the detector; higher is surer
  int rotation = 0;
};

// Pictures are CV_8UC3, BGR. Results do not depend on earlier calls.
class FaceDetector {
 public:
  virtual ~FaceDetector() = default;
  // The faces of a picture, largest first. May keep scratch memory: one thread at a time.
  virtual std::vector<Detection> detect(const cv::Mat& bgr) = 0;
  // The same detector for another thread.
  virtual std::unique_ptr<FaceDetector> clone() const = 0;
};

class LandmarkPredictor {
 public:
  virtual ~LandmarkPredictor() = default;
  // Landmarks in pixels of the picture. Any number of threads at a time.
  virtual Landmarks landmarks(const cv::Mat& bgr, const cv::Rect2d& box, int rotation) const = 0;
};

}  // namespace diptych
