// The two calls into dlib. Its headers take long to compile, so one source file alone sees them.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"

namespace diptych {

struct HogHit {
  cv::Rect2d box;  // pixel borders: a box of one pixel at the origin is (0,0,1,1)
  double score = 0;
};

// Finds upright faces from 80 pixels on. One thread at a time.
class HogScanner {
 public:
  HogScanner();
  HogScanner(const HogScanner& other);
  HogScanner& operator=(const HogScanner&) = delete;
  ~HogScanner();
  std::vector<HogHit> scan(const cv::Mat& bgr, double threshold);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ShapeModel {
 public:
  explicit ShapeModel(const std::filesystem::path& file);  // InputError
  ~ShapeModel();
  // The face fills the square (x, y, side) as the scanner would have put it.
  Landmarks predict(const cv::Mat& bgr, cv::Point corner, int side) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace diptych
