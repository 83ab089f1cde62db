// Similarity fit to the template and the crop matrices of all face types.
// SPDX-License-Identifier: MIT
#include "faces/align/crop_matrix.h"

#include <cmath>
#include <utility>

#include "faces/align/face_template.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

struct CropShape {
  double padding;    // around the unit square, in units of its diagonal
  bool upright;      // the crop turns with the face
  double centre_up;  // shift of the centre, in units of the square's side
  bool follows_yaw;  // head: the centre also moves sideways
};

CropShape shape_of(FaceType type) {
  switch (type) {
    case FaceType::kHalf:
      return {0.0, true, 0, false};
    case FaceType::kMidFull:
      return {0.0675, true, 0, false};
    case FaceType::kFull:
      return {0.2109375, true, 0, false};
    case FaceType::kFullNoAlign:
      return {0.2109375, false, 0, false};
    case FaceType::kWhole:
      return {0.40, true, 0.07, false};
    case FaceType::kHead:
      return {0.70, true, 0.50, true};
    case FaceType::kHeadNoAlign:
      return {0.70, false, 0, false};
  }
  throw Error(str("crop_matrix: no face type has the code ", static_cast<int>(type)));
}

// Yaw measure of spec 9.2 on landmarks in the unit square: > 0 when the nose is nearer to the
// image-left jaw.
double averaged_yaw(const Landmarks& p) {
  const double left = ((p[27].x - p[0].x) + (p[28].x - p[1].x) + (p[29].x - p[2].x)) / 3;
  const double right = ((p[16].x - p[27].x) + (p[15].x - p[28].x) + (p[14].x - p[29].x)) / 3;
  return right - left;
}

// Affine map that takes t0, t1, t2 to (0,0), (size,0), (size,size).
cv::Matx23d affine_from_corners(cv::Point2d t0, cv::Point2d t1, cv::Point2d t2, double size) {
  const cv::Point2d right = t1 - t0, down = t2 - t1;
  const double det = right.x * down.y - right.y * down.x;
  const double k = size / det;
  const double a = k * down.y, b = -k * down.x, c = -k * right.y, d = k * right.x;
  return {a, b, -(a * t0.x + b * t0.y), c, d, -(c * t0.x + d * t0.y)};
}

}  // namespace

cv::Matx23d umeyama_to_template(const Landmarks& landmarks) {
  cv::Point2d mean_p, mean_q;
  for (int row = 0; row < kFaceTemplateSize; ++row) {
    mean_p += landmarks[face_template_landmark(row)];
    mean_q += cv::Point2d(kFaceTemplate[row][0], kFaceTemplate[row][1]);
  }
  mean_p /= kFaceTemplateSize;
  mean_q /= kFaceTemplateSize;
  // In the plane the SVD solution has a closed form: with A the covariance of template and points,
  // the best rotation has cosine and sine proportional to (A00 + A11, A10 - A01), and the length of
  // that vector is the sum of the (signed) singular values.
  double along = 0, across = 0, variance = 0;
  for (int row = 0; row < kFaceTemplateSize; ++row) {
    const cv::Point2d p = landmarks[face_template_landmark(row)] - mean_p;
    const cv::Point2d q = cv::Point2d(kFaceTemplate[row][0], kFaceTemplate[row][1]) - mean_q;
    along += q.x * p.x + q.y * p.y;
    across += q.y * p.x - q.x * p.y;
    variance += p.x * p.x + p.y * p.y;
  }
  const double length = std::hypot(along, across);
  DIPTYCH_CHECK(std::isfinite(length) && variance > 0 && length > 1e-12 * std::sqrt(variance),
                "umeyama_to_template: the alignment landmarks coincide or hold a NaN; mean (",
                mean_p.x, ", ", mean_p.y, "), variance ", variance / kFaceTemplateSize);
  const double a = along / variance, b = across / variance;
  return {a, -b, mean_q.x - (a * mean_p.x - b * mean_p.y),
          b, a,  mean_q.y - (b * mean_p.x + a * mean_p.y)};
}

cv::Matx23d crop_matrix(const Landmarks& landmarks, int size, FaceType type, double scale) {
  DIPTYCH_CHECK(size > 0 && scale > 0, "crop_matrix: size ", size, " and scale ", scale,
                " must be positive");
  const CropShape shape = shape_of(type);
  const cv::Matx23d to_unit = umeyama_to_template(landmarks);
  const cv::Matx23d to_frame = invert(to_unit);
  const cv::Point2d g0 = transform(to_frame, cv::Point2d(0, 0));
  const cv::Point2d g1 = transform(to_frame, cv::Point2d(1, 0));
  const cv::Point2d g2 = transform(to_frame, cv::Point2d(1, 1));
  const cv::Point2d g3 = transform(to_frame, cv::Point2d(0, 1));
  cv::Point2d centre = transform(to_frame, cv::Point2d(0.5, 0.5));
  const double diagonal = cv::norm(g2 - g0);
  const cv::Point2d u = (g2 - g0) / diagonal;           // down-right
  const cv::Point2d v = (g1 - g3) / cv::norm(g1 - g3);  // up-right
  const double half = diagonal * (shape.padding * std::sqrt(2.0) + 0.5) / scale;
  if (shape.follows_yaw) {
    const double yaw = averaged_yaw(transform(to_unit, landmarks));
    centre += 0.5 * yaw * std::abs(std::tanh(2 * yaw)) * (g1 - g0);
  }
  centre += shape.centre_up * (g0 - g3);
  if (shape.upright) {
    return affine_from_corners(centre - half * u, centre + half * v, centre + half * u, size);
  }
  const double side = half / std::sqrt(2.0);  // half side of the square with this half diagonal
  return affine_from_corners(centre + cv::Point2d(-side, -side), centre + cv::Point2d(side, -side),
                             centre + cv::Point2d(side, side), size);
}

cv::Matx23d invert(const cv::Matx23d& m) {
  const double det = m(0, 0) * m(1, 1) - m(0, 1) * m(1, 0);
  DIPTYCH_CHECK(std::isfinite(det) && det != 0, "invert: the affine map has determinant ", det);
  const double a = m(1, 1) / det, b = -m(0, 1) / det, c = -m(1, 0) / det, d = m(0, 0) / det;
  return {a, b, -(a * m(0, 2) + b * m(1, 2)), c, d, -(c * m(0, 2) + d * m(1, 2))};
}

cv::Point2d transform(const cv::Matx23d& m, cv::Point2d p) {
  return {m(0, 0) * p.x + m(0, 1) * p.y + m(0, 2), m(1, 0) * p.x + m(1, 1) * p.y + m(1, 2)};
}

Landmarks transform(const cv::Matx23d& matrix, const Landmarks& landmarks) {
  Landmarks out;
  for (size_t i = 0; i < landmarks.size(); ++i) out[i] = transform(matrix, landmarks[i]);
  return out;
}

Landmarks mirror(const Landmarks& landmarks, double width) {
  static constexpr std::pair<int, int> kPairs[] = {
      {0, 16},  {1, 15},  {2, 14},  {3, 13},  {4, 12},  {5, 11},  {6, 10},  {7, 9},
      {17, 26}, {18, 25}, {19, 24}, {20, 23}, {21, 22}, {36, 45}, {37, 44}, {38, 43},
      {39, 42}, {40, 47}, {41, 46}, {31, 35}, {32, 34}, {50, 52}, {49, 53}, {48, 54},
      {59, 55}, {58, 56}, {67, 65}, {60, 64}, {61, 63}};
  Landmarks out = landmarks;
  for (const auto& [a, b] : kPairs) std::swap(out[a], out[b]);
  for (cv::Point2d& p : out) p.x = width - 1 - p.x;
  return out;
}

}  // namespace diptych
