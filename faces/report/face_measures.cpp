// Measuring one face.
// SPDX-License-Identifier: MIT
#include "faces/report/face_measures.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/image/image.h"
#include "faces/mask/masks.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kDark = 24, kClipped = 253;
constexpr int kExposureSide = 128;

double length(cv::Point2d p) {
  return std::hypot(p.x, p.y);
}

double scale_of(const cv::Matx23d& m) {
  return std::sqrt(std::abs(m(0, 0) * m(1, 1) - m(0, 1) * m(1, 0)));
}

// Points that are all alike are how a record without landmarks looks.
bool usable(const Landmarks& l) {
  double low = l[0].x, high = l[0].x;
  for (const cv::Point2d& p : l) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return false;
    low = std::min(low, p.x);
    high = std::max(high, p.x);
  }
  return high - low > 1;
}

double source_side_of(const Face& face, FaceType type) {
  if (usable(face.source_landmarks)) {
    const double scale = scale_of(crop_matrix(face.source_landmarks, 256, type));
    if (scale > 0) return 256 / scale;
  }
  const double scale = scale_of(face.matrix);
  return scale > 1e-6 && std::isfinite(scale) ? face.size / scale : 0;
}

double eye_opening(const Landmarks& l, size_t first) {
  const double width = length(l[first + 3] - l[first]);
  const double height = length(l[first + 1] - l[first + 5]) + length(l[first + 2] - l[first + 4]);
  return width > 0 ? height / (2 * width) : 0;
}

void measure_expression(const Landmarks& l, FaceMeasures& m) {
  const double mouth_width = length(l[54] - l[48]);
  m.mouth = mouth_width > 0 ? length(l[66] - l[62]) / mouth_width : 0;
  m.eyes = (eye_opening(l, 36) + eye_opening(l, 42)) / 2;
}

Landmarks scaled(const Landmarks& landmarks, double factor) {
  Landmarks out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = landmarks[i] * factor;
  return out;
}

// The face's pixels at `side`, 255 inside.
cv::Mat face_region(const cv::Mat& hull, const cv::Mat& mask, int side) {
  cv::Mat small, region;
  cv::resize(mask.empty() ? hull : mask, small, {side, side}, 0, 0, cv::INTER_AREA);
  region = small > 127;
  // A mask that covers nothing: the hull stands in; a hull outside of the picture: all of it. So
  // every number below is of something.
  if (!mask.empty() && cv::countNonZero(region) == 0) return face_region(hull, cv::Mat(), side);
  if (cv::countNonZero(region) == 0) region = cv::Mat(side, side, CV_8UC1, cv::Scalar(255));
  return region;
}

cv::Mat hull_of(const Face& face, int side) {
  const cv::Mat hull = hull_mask(scaled(face.landmarks, double(side) / face.size), {side, side},
                                 face.eyebrow_factor);
  cv::Mat bytes;
  hull.convertTo(bytes, CV_8UC1, 255);
  return bytes;
}

void measure_exposure(const cv::Mat& picture, const cv::Mat& region, FaceMeasures& m) {
  cv::Mat small, grey;
  cv::resize(picture, small, region.size(), 0, 0, cv::INTER_AREA);
  cv::cvtColor(small, grey, cv::COLOR_BGR2GRAY);
  m.brightness = cv::mean(grey, region)[0];
  int inside = 0, dark = 0, clipped = 0;
  for (int y = 0; y < grey.rows; ++y) {
    for (int x = 0; x < grey.cols; ++x) {
      if (region.at<uint8_t>(y, x) == 0) continue;
      const auto& p = small.at<cv::Vec3b>(y, x);
      ++inside;
      dark += grey.at<uint8_t>(y, x) < kDark;
      clipped += std::max({p[0], p[1], p[2]}) >= kClipped;
    }
  }
  m.dark = double(dark) / inside;
  m.clipped = double(clipped) / inside;
}

// Against the contrast, so that a dim face does not count as a blurred one.
double sharpness_of(const cv::Mat& picture, const cv::Mat& region) {
  cv::Mat small, grey, edges;
  cv::resize(picture, small, region.size(), 0, 0,
             picture.cols > region.cols ? cv::INTER_AREA : cv::INTER_LINEAR);
  cv::cvtColor(small, grey, cv::COLOR_BGR2GRAY);
  cv::Laplacian(grey, edges, CV_32F, 1);
  cv::Mat inner;
  cv::erode(region, inner, cv::getStructuringElement(cv::MORPH_RECT, {3, 3}));
  if (cv::countNonZero(inner) == 0) inner = region;
  cv::Scalar mean, edge_deviation, deviation;
  cv::meanStdDev(edges, mean, edge_deviation, inner);
  cv::meanStdDev(grey, mean, deviation, inner);
  return deviation[0] > 0 ? edge_deviation[0] / deviation[0] : 0;
}

FaceThumbnail thumbnail_of(const cv::Mat& picture) {
  const int margin = picture.cols / 6, inner = picture.cols - 2 * margin;
  cv::Mat small, grey;
  cv::resize(picture({margin, margin, inner, inner}), small, {32, 32}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(small, grey, cv::COLOR_BGR2GRAY);
  const double mean = cv::mean(grey)[0];
  FaceThumbnail out;
  for (size_t i = 0; i < out.size(); ++i) {
    const double v = std::lround(grey.data[i] - mean);
    out[i] = static_cast<int8_t>(std::clamp(v, -127.0, 127.0));
  }
  return out;
}

void measure_mask(const Face& face, const cv::Mat& hull, const cv::Mat& mask, FaceMeasures& m) {
  m.own_mask = !face.mask.empty();
  if (!m.own_mask) return;
  cv::Mat small;
  cv::resize(mask, small, hull.size(), 0, 0, cv::INTER_AREA);
  const int whole = cv::countNonZero(hull > 127);
  const int both = cv::countNonZero((hull > 127) & (small > 127));
  m.mask_cover = whole > 0 ? double(both) / whole : 1;
}

void measure_picture(const Face& face, int resolution, FaceMeasures& m) {
  const std::string name = str("face ", face.id);
  const cv::Mat picture = decode_image(face.image, name);
  if (picture.cols != face.size || picture.rows != face.size) {
    m.trouble = str("its picture has ", picture.cols, "x", picture.rows,
                    " pixels, the record says ", face.size);
    return;
  }
  cv::Mat mask;
  if (!face.mask.empty()) mask = decode_image(face.mask, "mask of " + name, ImageMode::kGrey);
  const cv::Mat hull = hull_of(face, kExposureSide);
  measure_mask(face, hull, mask, m);
  measure_exposure(picture, face_region(hull, mask, kExposureSide), m);
  const int side = std::clamp(resolution, 16, 1024);
  m.sharpness = sharpness_of(picture, face_region(hull, mask, side));
  m.thumbnail = thumbnail_of(picture);
}

}  // namespace

FaceMeasures measure_face(const Face& face, int resolution, FaceType type) {
  FaceMeasures m;
  m.id = face.id;
  m.frame_index = face.frame_index;
  m.seconds = face.frame_seconds;
  if (!usable(face.landmarks)) {
    m.trouble = "it has no landmarks";
    return m;
  }
  const Pose& p = face.pose;
  const bool finite = std::isfinite(p.pitch) && std::isfinite(p.yaw) && std::isfinite(p.roll);
  m.has_pose = finite && (p.pitch != 0 || p.yaw != 0 || p.roll != 0);  // absent ones read as zeros
  m.pose = p;
  try {
    measure_expression(face.landmarks, m);
    measure_picture(face, resolution, m);
    m.source_side = source_side_of(face, type);
  } catch (const InputError& e) {
    m.trouble = e.what();
  } catch (const Error& e) {
    m.trouble = e.what();
  }
  return m;
}

}  // namespace diptych
