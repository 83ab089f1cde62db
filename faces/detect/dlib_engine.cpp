// The only file that includes dlib.
// SPDX-License-Identifier: MIT
#include "faces/detect/dlib_engine.h"

#include <fstream>

#include <dlib/image_processing.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/opencv.h>

#include "kernels/common/check.h"

namespace diptych {
namespace {

dlib::cv_image<dlib::bgr_pixel> wrap(const cv::Mat& bgr) {
  DIPTYCH_CHECK(bgr.type() == CV_8UC3 && !bgr.empty(),
                "face detection: the picture must be 8-bit BGR, got type ", bgr.type(), ", ",
                bgr.cols, "x", bgr.rows);
  return dlib::cv_image<dlib::bgr_pixel>(bgr);
}

}  // namespace

struct HogScanner::Impl {
  dlib::frontal_face_detector detector;
};

// The detector's filters are part of dlib's code; unpacking them takes a tenth of a second.
HogScanner::HogScanner() : impl_(new Impl{dlib::get_frontal_face_detector()}) {}

HogScanner::HogScanner(const HogScanner& other) : impl_(new Impl(*other.impl_)) {}

HogScanner::~HogScanner() = default;

std::vector<HogHit> HogScanner::scan(const cv::Mat& bgr, double threshold) {
  std::vector<dlib::rect_detection> found;
  impl_->detector(wrap(bgr), found, threshold);
  std::vector<HogHit> hits;
  for (const dlib::rect_detection& hit : found) {
    hits.push_back({{static_cast<double>(hit.rect.left()), static_cast<double>(hit.rect.top()),
                     static_cast<double>(hit.rect.width()), static_cast<double>(hit.rect.height())},
                    hit.detection_confidence});
  }
  return hits;
}

struct ShapeModel::Impl {
  dlib::shape_predictor predictor;
};

ShapeModel::ShapeModel(const std::filesystem::path& file) : impl_(new Impl) {
  constexpr const char* kRemedy =
      "Install the package libdlib-data, or set DIPTYCH_LANDMARK_MODEL to a model of 68 points";
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw InputError(file.string(), "the landmark model is missing or cannot be read", kRemedy);
  }
  try {
    dlib::deserialize(impl_->predictor, in);
  } catch (const std::exception& error) {  // dlib's own errors, or no memory for absurd sizes
    throw InputError(file.string(), str("the landmark model is damaged (", error.what(), ")"),
                     kRemedy);
  }
  const unsigned long points = impl_->predictor.num_parts();
  if (points != std::tuple_size_v<Landmarks>) {
    throw InputError(file.string(),
                     str("the landmark model predicts ", points, " points instead of 68"), kRemedy);
  }
}

ShapeModel::~ShapeModel() = default;

Landmarks ShapeModel::predict(const cv::Mat& bgr, cv::Point corner, int side) const {
  const dlib::rectangle box(corner.x, corner.y, corner.x + side - 1, corner.y + side - 1);
  const dlib::full_object_detection shape = impl_->predictor(wrap(bgr), box);
  Landmarks points;
  for (size_t i = 0; i < points.size(); ++i) {
    const dlib::point& p = shape.part(i);
    points[i] = {static_cast<double>(p.x()), static_cast<double>(p.y())};
  }
  return points;
}

}  // namespace diptych
