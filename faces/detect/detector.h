// Finding faces in a picture, behind an interface so that a better detector can come.
// Pictures are CV_8UC3 BGR; coordinates are pixels of the upright picture, x right, y down.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"

namespace diptych {

struct Detection {
  cv::Rect2d box;    // in the upright picture
  double score = 0;  // higher is surer; the scale is the detector's own
  int rotation =
      0;  // degrees the picture was turned clockwise when the face was found: 0, 90, 180, 270
};

// Not thread safe: each thread takes a clone().
class FaceDetector {
 public:
  virtual ~FaceDetector() = default;
  // Faces by falling area. A picture without one gives an empty list.
  virtual std::vector<Detection> detect(const cv::Mat& bgr) = 0;
  virtual std::unique_ptr<FaceDetector> clone() const = 0;
};

// Safe to share between threads.
class LandmarkPredictor {
 public:
  virtual ~LandmarkPredictor() = default;
  // The 68 points of the iBUG order for a face that the matching detector found.
  virtual Landmarks predict(const cv::Mat& bgr, const Detection& face) const = 0;
};

}  // namespace diptych
