// Landmarks by regression trees, in two passes: a look at the detector's box, then the mean of
// seven looks at an upright patch of fixed size cut by the first result.
//
// The trees compare single pixels and answer in whole pixels, so one look jitters by about 3 px
// from frame to frame on a 500 px picture. Seven looks at slightly moved boxes average that out,
// and the second box follows the face instead of the detector's coarse grid of boxes.
// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <cstdlib>

#include <opencv2/imgproc.hpp>

#include "faces/detect/dlib_detect.h"
#include "faces/detect/dlib_engine.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr int kPatch = 400;  // pixels
constexpr int kFace = 200;   // the face square in the middle of the patch
// Side of the face square over the root mean square radius of landmarks 17..67. The scanner's own
// squares measure about 3.5; a tighter one jitters less, with the same error (synthetic clips).
constexpr double kSquarePerRadius = 3.3;

struct Look {
  double dx, dy, size;  // in units of the face square
};

constexpr std::array<Look, 7> kLooks{{{0, 0, 1},
                                      {-0.03, 0, 1},
                                      {0.03, 0, 1},
                                      {0, -0.03, 1},
                                      {0, 0.03, 1},
                                      {0, 0, 0.94},
                                      {0, 0, 1.06}}};

// A face square in the frame: centre in pixel coordinates, turned counter-clockwise by the angle
// that sets it upright.
struct FaceSquare {
  cv::Point2d centre;
  double side = 0;
  double angle = 0;  // radians, clockwise on screen, of the face
};

cv::Matx23d patch_matrix(const FaceSquare& square) {
  const double k = kFace / square.side, middle = (kPatch - 1) / 2.0;
  const double c = k * std::cos(square.angle), s = k * std::sin(square.angle);
  return {c,  s, middle - (c * square.centre.x + s * square.centre.y),
          -s, c, middle - (-s * square.centre.x + c * square.centre.y)};
}

// The patch; where it shrinks the frame, a blur first takes away what it cannot hold.
cv::Mat cut_patch(const cv::Mat& bgr, const FaceSquare& square, const cv::Matx23d& matrix) {
  const double shrink = square.side / kFace;
  const double reach = 0.75 * shrink * kPatch + 4;  // half diagonal of the patch, in frame pixels
  const cv::Rect2d wanted(square.centre.x - reach, square.centre.y - reach, 2 * reach, 2 * reach);
  const cv::Rect area = cv::Rect(wanted & cv::Rect2d(0, 0, bgr.cols, bgr.rows));
  DIPTYCH_CHECK(!area.empty(), "landmarks: the face square lies outside the picture; centre (",
                square.centre.x, ", ", square.centre.y, "), side ", square.side, ", picture ",
                bgr.cols, "x", bgr.rows);
  cv::Mat source = bgr(area), patch;
  if (shrink > 1.4) {
    const double sigma = 0.5 * std::sqrt(shrink * shrink - 1);
    cv::Mat blurred;
    cv::GaussianBlur(source, blurred, {}, sigma, sigma, cv::BORDER_REPLICATE);
    source = blurred;
  }
  cv::Matx23d shifted = matrix;
  const cv::Point2d origin = transform(matrix, cv::Point2d(area.x, area.y));
  shifted(0, 2) = origin.x;
  shifted(1, 2) = origin.y;
  cv::warpAffine(source, patch, shifted, {kPatch, kPatch}, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  return patch;
}

FaceSquare square_around(const Landmarks& p) {
  cv::Point2d centre, left_eye, right_eye;
  for (int i = 17; i < 68; ++i) centre += p[i];
  for (int i = 36; i < 42; ++i) left_eye += p[i];
  for (int i = 42; i < 48; ++i) right_eye += p[i];
  centre /= 51;
  double square_sum = 0;
  for (int i = 17; i < 68; ++i) square_sum += (p[i] - centre).dot(p[i] - centre);
  const cv::Point2d eyes = right_eye - left_eye;
  return {centre, kSquarePerRadius * std::sqrt(square_sum / 51), std::atan2(eyes.y, eyes.x)};
}

class TreeLandmarks : public LandmarkPredictor {
 public:
  explicit TreeLandmarks(const std::filesystem::path& model) : model_(model) {}

  Landmarks landmarks(const cv::Mat& bgr, const cv::Rect2d& box, int rotation) const override {
    DIPTYCH_CHECK(bgr.type() == CV_8UC3 && box.width >= 1 && box.height >= 1,
                  "landmarks: need an 8-bit BGR picture and a box, got type ", bgr.type(), ", box ",
                  box.width, "x", box.height);
    FaceSquare square;
    square.centre = {box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5};
    square.side = std::sqrt(box.area());
    square.angle = -rotation * CV_PI / 180;
    const Landmarks first = look(bgr, square, 1);
    const FaceSquare refined = square_around(first);
    // A first look that went wrong must not lead the second one away.
    const bool plausible = refined.side > 0.5 * square.side && refined.side < 2 * square.side &&
                           cv::norm(refined.centre - square.centre) < 0.5 * square.side;
    return plausible ? look(bgr, refined, kLooks.size()) : first;
  }

 private:
  Landmarks look(const cv::Mat& bgr, const FaceSquare& square, size_t count) const {
    const cv::Matx23d matrix = patch_matrix(square);
    const cv::Mat patch = cut_patch(bgr, square, matrix);
    Landmarks sum{};
    for (size_t i = 0; i < count; ++i) {
      const int side = static_cast<int>(std::lround(kFace * kLooks[i].size));
      const cv::Point corner(
          static_cast<int>(std::lround((kPatch - side) / 2.0 + kFace * kLooks[i].dx)),
          static_cast<int>(std::lround((kPatch - side) / 2.0 + kFace * kLooks[i].dy)));
      const Landmarks points = model_.predict(patch, corner, side);
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += points[k];
    }
    for (cv::Point2d& p : sum) p /= static_cast<double>(count);
    return transform(invert(matrix), sum);
  }

  ShapeModel model_;
};

}  // namespace

std::filesystem::path default_landmark_model() {
  const char* set = std::getenv("DIPTYCH_LANDMARK_MODEL");
  return set != nullptr ? set : "/usr/share/dlib/shape_predictor_68_face_landmarks.dat";
}

std::unique_ptr<LandmarkPredictor> make_dlib_landmarks(const std::filesystem::path& model) {
  return std::make_unique<TreeLandmarks>(model);
}

}  // namespace diptych
