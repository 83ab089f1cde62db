// The only file that includes dlib: it compiles slowly.
// SPDX-License-Identifier: MIT
#include "faces/detect/dlib_detector.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <dlib/image_processing.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <opencv2/imgproc.hpp>

#include "faces/detect/rotate.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr double kOverlap = 0.3;  // intersection over union at which the weaker of two boxes goes

constexpr double kBoxSide = 480;  // pixels a face is enlarged to before landmarks are placed
constexpr double kMargin = 0.6;   // of the box, kept around it: the predictor looks outside the box

using Grey = dlib::array2d<unsigned char>;

Grey to_dlib(const cv::Mat& grey) {
  Grey out(grey.rows, grey.cols);
  for (int y = 0; y < grey.rows; ++y) std::copy_n(grey.ptr<uchar>(y), grey.cols, &out[y][0]);
  return out;
}

cv::Mat to_grey(const cv::Mat& bgr) {
  DIPTYCH_CHECK(bgr.type() == CV_8UC3 && !bgr.empty(), "detect: picture ", bgr.cols, 'x', bgr.rows,
                " of type ", bgr.type(), ", expected CV_8UC3");
  cv::Mat grey;
  cv::cvtColor(bgr, grey, cv::COLOR_BGR2GRAY);
  return grey;
}

double overlap(const cv::Rect2d& a, const cv::Rect2d& b) {
  const double both = (a & b).area();
  return both / (a.area() + b.area() - both);
}

class DlibDetector : public FaceDetector {
 public:
  explicit DlibDetector(const DlibDetectorOptions& options)
      : options_(options), detector_(dlib::get_frontal_face_detector()) {
    DIPTYCH_CHECK(options.search_side >= 80, "detect: search_side = ", options.search_side,
                  ", expected 80 or more");
  }

  std::vector<Detection> detect(const cv::Mat& bgr) override {
    const cv::Mat grey = to_grey(bgr);
    std::vector<Detection> found = search(grey, options_.search_side, 0);
    if (found.empty() && options_.search_larger) found = search(grey, 2 * options_.search_side, 0);
    for (const int degrees : {90, 270, 180}) {
      if (found.empty() && options_.search_rotated)
        found = search(grey, options_.search_side, degrees);
    }
    return found;
  }

  std::unique_ptr<FaceDetector> clone() const override {
    return std::make_unique<DlibDetector>(*this);
  }

 private:
  std::vector<Detection> search(const cv::Mat& grey, int side, int degrees) {
    const double scale = static_cast<double>(side) / std::max(grey.cols, grey.rows);
    cv::Mat sized = grey;
    // Enlarging past twice the size shows the detector nothing new.
    const double used = std::min(scale, 2.0);
    if (std::abs(used - 1.0) > 0.02) {
      cv::resize(grey, sized, {}, used, used, used < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    }
    std::vector<dlib::rect_detection> hits;
    detector_(to_dlib(rotate_clockwise(sized, degrees)), hits, options_.threshold);
    std::vector<Detection> faces;
    for (const dlib::rect_detection& hit : hits) {
      const cv::Rect2d turned(hit.rect.left(), hit.rect.top(), hit.rect.width() - 1.0,
                              hit.rect.height() - 1.0);
      const cv::Rect2d box = rotate_back(turned, degrees, sized.size());
      // Pixel areas, not centres, keep their place when a picture is resized.
      const auto back = [&](double v) { return (v + 0.5) / used - 0.5; };
      const cv::Point2d low(back(box.x), back(box.y)),
          high(back(box.x + box.width), back(box.y + box.height));
      faces.push_back({{low, high}, hit.detection_confidence, degrees});
    }
    return strongest_first_without_overlap(std::move(faces));
  }

  static std::vector<Detection> strongest_first_without_overlap(std::vector<Detection> faces) {
    std::stable_sort(faces.begin(), faces.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    std::vector<Detection> kept;
    for (const Detection& face : faces) {
      const bool covered = std::any_of(kept.begin(), kept.end(), [&](const auto& k) {
        return overlap(k.box, face.box) > kOverlap;
      });
      if (!covered) kept.push_back(face);
    }
    std::stable_sort(kept.begin(), kept.end(),
                     [](const auto& a, const auto& b) { return a.box.area() > b.box.area(); });
    return kept;
  }

  DlibDetectorOptions options_;
  dlib::frontal_face_detector detector_;
};

class DlibLandmarks : public LandmarkPredictor {
 public:
  explicit DlibLandmarks(const std::filesystem::path& model) {
    static const char* const kRemedy =
        "Install the package libdlib-data again, or set DIPTYCH_LANDMARKS to "
        "shape_predictor_68_face_landmarks.dat";
    if (!std::filesystem::is_regular_file(model))
      throw InputError(model.string(), "there is no such model file", kRemedy);
    try {
      dlib::deserialize(model.string()) >> predictor_;
    } catch (const std::exception& e) {
      throw InputError(model.string(), std::string("is not a landmark model: ") + e.what(),
                       kRemedy);
    }
    if (predictor_.num_parts() != 68) {
      throw InputError(model.string(), str("has ", predictor_.num_parts(), " points, expected 68"),
                       kRemedy);
    }
  }

  // dlib gives whole pixels. The face is enlarged first, so that a whole pixel there is a fraction
  // of one here.
  Landmarks predict(const cv::Mat& bgr, const Detection& face) const override {
    const cv::Mat turned = rotate_clockwise(to_grey(bgr), face.rotation);
    const cv::Rect2d box = rotate_forward(face.box, face.rotation, bgr.size());
    const double scale = std::max(1.0, kBoxSide / std::max(box.width, 1.0));
    const double margin = kMargin * std::max(box.width, box.height);
    const cv::Point2d origin(box.x - margin, box.y - margin);
    const cv::Matx23d to_crop(scale, 0, -scale * origin.x, 0, scale, -scale * origin.y);
    const cv::Size size(static_cast<int>(std::ceil(scale * (box.width + 2 * margin))),
                        static_cast<int>(std::ceil(scale * (box.height + 2 * margin))));
    cv::Mat crop;
    cv::warpAffine(turned, crop, to_crop, size, cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                   cv::Scalar());
    const double low = scale * margin;
    const dlib::rectangle rect(std::lround(low), std::lround(low),
                               std::lround(low + scale * box.width),
                               std::lround(low + scale * box.height));
    const dlib::full_object_detection shape = predictor_(to_dlib(crop), rect);
    Landmarks points;
    for (size_t i = 0; i < points.size(); ++i) {
      const dlib::point p = shape.part(i);
      const cv::Point2d in_turned(static_cast<double>(p.x()) / scale + origin.x,
                                  static_cast<double>(p.y()) / scale + origin.y);
      points[i] = rotate_back(in_turned, face.rotation, bgr.size());
    }
    return points;
  }

 private:
  dlib::shape_predictor predictor_;
};

}  // namespace

std::unique_ptr<FaceDetector> make_dlib_detector(const DlibDetectorOptions& options) {
  return std::make_unique<DlibDetector>(options);
}

std::filesystem::path find_landmark_model() {
  std::vector<std::filesystem::path> places;
  if (const char* set = std::getenv("DIPTYCH_LANDMARKS")) places.emplace_back(set);
  for (const char* folder : {"/usr/share/dlib", "/usr/local/share/dlib"}) {
    places.push_back(std::filesystem::path(folder) / "shape_predictor_68_face_landmarks.dat");
  }
  for (const auto& place : places) {
    if (std::filesystem::is_regular_file(place)) return place;
  }
  throw InputError("shape_predictor_68_face_landmarks.dat", "the landmark model was not found",
                   "Install the package libdlib-data, or set DIPTYCH_LANDMARKS to the file");
}

std::unique_ptr<LandmarkPredictor> make_dlib_landmarks(const std::filesystem::path& model) {
  return std::make_unique<DlibLandmarks>(model);
}

}  // namespace diptych
