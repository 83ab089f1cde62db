// Face detector: scales and rotations around dlib's scanner.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/detect/dlib_detect.h"
#include "faces/detect/dlib_engine.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr double kScannerFace = 80;     // smallest face that the scanner knows
constexpr double kEnlargedPart = 0.55;  // of the pixel budget, for frames that are enlarged
constexpr double kSecondLook = 4;       // more pixels when the first scan finds nothing
constexpr double kWorthASecond = 1.2;   // enlargement below which a second scan sees the same

// Frame -> canvas that holds the whole frame, turned clockwise and enlarged. Pixel areas are kept:
// the centre of the frame comes to the centre of the canvas.
struct Canvas {
  cv::Matx23d matrix;
  cv::Size size;
};

Canvas turned_canvas(cv::Size frame, int rotation, double scale) {
  const double angle = rotation * CV_PI / 180;
  const double c = std::cos(angle), s = std::sin(angle);
  const double width = std::abs(c) * frame.width + std::abs(s) * frame.height;
  const double height = std::abs(s) * frame.width + std::abs(c) * frame.height;
  const cv::Size size(std::max(1, static_cast<int>(std::lround(scale * width))),
                      std::max(1, static_cast<int>(std::lround(scale * height))));
  const double a = scale * c, b = scale * s;
  const double from_x = (frame.width - 1) / 2.0, from_y = (frame.height - 1) / 2.0;
  const double to_x = (size.width - 1) / 2.0, to_y = (size.height - 1) / 2.0;
  return {{a, -b, to_x - (a * from_x - b * from_y), b, a, to_y - (b * from_x + a * from_y)}, size};
}

class HogDetector : public FaceDetector {
 public:
  explicit HogDetector(const DlibDetectorOptions& options) : options_(options) {
    DIPTYCH_CHECK(options.min_face >= 8 && options.megapixels > 0, "make_dlib_detector: min_face ",
                  options.min_face, " must be at least 8 and ", options.megapixels,
                  " megapixels positive");
  }

  std::vector<Detection> detect(const cv::Mat& bgr) override {
    DIPTYCH_CHECK(bgr.type() == CV_8UC3 && !bgr.empty(),
                  "detect: the picture must be 8-bit BGR, got type ", bgr.type(), ", ", bgr.cols,
                  "x", bgr.rows);
    const double full = kScannerFace / options_.min_face;
    // A frame is shrunk only when it is over the budget, and enlarged only to a part of it:
    // twice as fast on small videos, and what that misses a second look finds.
    const double first = std::min(
        full, std::max(budget_scale(bgr, kEnlargedPart), std::min(1.0, budget_scale(bgr, 1))));
    std::vector<Detection> found = scan(bgr, 0, first);
    if (found.empty()) {
      const double second = std::min(full, budget_scale(bgr, kSecondLook));
      if (second >= kWorthASecond * first) found = scan(bgr, 0, second);
    }
    if (found.empty() && options_.turned_faces) {
      for (const int rotation : {90, 270, 180, 45, 315}) {
        found = scan(bgr, rotation, std::min(first, 1.0));
        if (!found.empty()) break;
      }
    }
    return found;
  }

  std::unique_ptr<FaceDetector> clone() const override {
    return std::make_unique<HogDetector>(*this);
  }

 private:
  double budget_scale(const cv::Mat& bgr, double budgets) const {
    return std::sqrt(budgets * options_.megapixels * 1e6 / static_cast<double>(bgr.total()));
  }

  std::vector<Detection> scan(const cv::Mat& bgr, int rotation, double scale) {
    cv::Mat shrunk = bgr, view;
    if (scale < 1) {
      cv::resize(bgr, shrunk, {}, scale, scale, cv::INTER_AREA);
      scale = 1;
    }
    const double before_x = static_cast<double>(bgr.cols) / shrunk.cols;
    const double before_y = static_cast<double>(bgr.rows) / shrunk.rows;
    const Canvas canvas = turned_canvas(shrunk.size(), rotation, scale);
    if (rotation == 0 && scale == 1) {
      view = shrunk;
    } else {
      cv::warpAffine(shrunk, view, canvas.matrix, canvas.size, cv::INTER_LINEAR,
                     cv::BORDER_REPLICATE);
    }
    const cv::Matx23d back = invert(canvas.matrix);
    std::vector<Detection> found;
    for (const HogHit& hit : scanner_.scan(view, options_.threshold)) {
      const double side = std::sqrt(hit.box.area());
      const cv::Point2d middle(hit.box.x + (hit.box.width - 1) / 2,
                               hit.box.y + (hit.box.height - 1) / 2);
      const cv::Point2d p = transform(back, middle);  // pixel centres of `shrunk`
      const double width = side / scale * before_x, height = side / scale * before_y;
      const cv::Point2d centre((p.x + 0.5) * before_x, (p.y + 0.5) * before_y);
      if (std::min(width, height) < options_.min_face) continue;
      found.push_back(
          {{centre.x - width / 2, centre.y - height / 2, width, height}, hit.score, rotation});
    }
    // Ties are ordered by place, so the result never depends on the sort.
    std::sort(found.begin(), found.end(), [](const Detection& a, const Detection& b) {
      if (a.box.area() != b.box.area()) return a.box.area() > b.box.area();
      return a.box.x != b.box.x ? a.box.x < b.box.x : a.box.y < b.box.y;
    });
    return found;
  }

  DlibDetectorOptions options_;
  HogScanner scanner_;
};

}  // namespace

std::unique_ptr<FaceDetector> make_dlib_detector(const DlibDetectorOptions& options) {
  return std::make_unique<HogDetector>(options);
}

}  // namespace diptych
