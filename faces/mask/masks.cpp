// Masks from filled convex hulls of landmark groups.
// SPDX-License-Identifier: MIT
#include "faces/mask/masks.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"

namespace diptych {
namespace {

using IntPoints = std::array<cv::Point, 68>;

// Toward zero, as the original's integer arrays; limited to what the fill can draw.
int truncated(double value) {
  constexpr double kLimit = 1 << 14;
  return static_cast<int>(std::clamp(value, -kLimit, kLimit));
}

int floor_half(int value) {
  return value >> 1;
}

cv::Point middle(cv::Point a, cv::Point b) {
  return {floor_half(a.x + b.x), floor_half(a.y + b.y)};
}

IntPoints whole_pixels(const Landmarks& landmarks) {
  IntPoints points;
  for (size_t i = 0; i < landmarks.size(); ++i) {
    DIPTYCH_CHECK(std::isfinite(landmarks[i].x) && std::isfinite(landmarks[i].y), "mask: landmark ",
                  i, " is not finite");
    points[i] = {truncated(landmarks[i].x), truncated(landmarks[i].y)};
  }
  return points;
}

void check_size(cv::Size size) {
  DIPTYCH_CHECK(size.width > 0 && size.height > 0, "mask: the size ", size.width, "x", size.height,
                " is empty");
}

// first..last inclusive.
struct Range {
  int first, last;
};

void fill_hull(cv::Mat& mask, const IntPoints& points, std::initializer_list<Range> ranges) {
  std::vector<cv::Point> group, hull;
  for (const Range& range : ranges) {
    group.insert(group.end(), points.begin() + range.first, points.begin() + range.last + 1);
  }
  cv::convexHull(group, hull);
  cv::fillConvexPoly(mask, hull, cv::Scalar(1));
}

void fill_face(cv::Mat& mask, const IntPoints& p) {
  fill_hull(mask, p, {{0, 8}, {17, 17}});                      // right jaw
  fill_hull(mask, p, {{8, 16}, {26, 26}});                     // left jaw
  fill_hull(mask, p, {{17, 19}, {8, 8}});                      // right cheek
  fill_hull(mask, p, {{24, 26}, {8, 8}});                      // left cheek
  fill_hull(mask, p, {{19, 24}, {8, 8}});                      // ridge of the nose
  fill_hull(mask, p, {{17, 21}, {27, 27}, {31, 35}, {8, 8}});  // right eye
  fill_hull(mask, p, {{22, 26}, {27, 27}, {31, 35}, {8, 8}});  // left eye
  fill_hull(mask, p, {{27, 35}});                              // nose
}

// The original's softening. Pictures lower than 32 pixels are not dilated.
void soften(cv::Mat& mask) {
  const int spread = mask.rows / 32, blur = (mask.rows / 16) | 1;
  if (spread > 0) {
    cv::dilate(mask, mask, cv::getStructuringElement(cv::MORPH_ELLIPSE, {spread, spread}));
  }
  cv::GaussianBlur(mask, mask, {blur, blur}, 0);
}

}  // namespace

std::array<cv::Point, 68> expand_eyebrows(const Landmarks& landmarks, double factor) {
  DIPTYCH_CHECK(std::isfinite(factor), "expand_eyebrows: the factor is not finite");
  IntPoints p = whole_pixels(landmarks);
  const cv::Point outer_left = middle(p[36], middle(p[36], p[0]));
  const cv::Point outer_right = middle(p[45], middle(p[16], p[45]));
  const cv::Point below[10] = {outer_left, p[36], p[37], p[38], p[39],
                               p[42],      p[43], p[44], p[45], outer_right};
  for (int i = 0; i < 10; ++i) {
    cv::Point& brow = p[17 + i];
    brow.x = truncated(brow.x + factor * 0.5 * (brow.x - below[i].x));
    brow.y = truncated(brow.y + factor * 0.5 * (brow.y - below[i].y));
  }
  return p;
}

cv::Mat hull_mask(const Landmarks& landmarks, cv::Size size, double eyebrow_factor) {
  check_size(size);
  cv::Mat mask = cv::Mat::zeros(size, CV_32FC1);
  fill_face(mask, expand_eyebrows(landmarks, eyebrow_factor));
  return mask;
}

HullCutout hull_cutout(const Landmarks& landmarks, cv::Size size, double eyebrow_factor) {
  check_size(size);
  IntPoints p = expand_eyebrows(landmarks, eyebrow_factor);
  HullCutout cutout;
  cutout.box = cv::boundingRect(p) & cv::Rect({}, size);
  if (cutout.box.empty()) return {};
  for (cv::Point& point : p) point -= cutout.box.tl();
  cutout.inside = cv::Mat::zeros(cutout.box.size(), CV_8UC1);
  fill_face(cutout.inside, p);
  return cutout;
}

cv::Mat eyes_mask(const Landmarks& landmarks, cv::Size size) {
  check_size(size);
  const IntPoints p = whole_pixels(landmarks);
  cv::Mat mask = cv::Mat::zeros(size, CV_32FC1);
  fill_hull(mask, p, {{36, 41}});
  fill_hull(mask, p, {{42, 47}});
  soften(mask);
  return mask;
}

cv::Mat mouth_mask(const Landmarks& landmarks, cv::Size size) {
  check_size(size);
  const IntPoints p = whole_pixels(landmarks);
  cv::Mat mask = cv::Mat::zeros(size, CV_32FC1);
  fill_hull(mask, p, {{60, 67}});
  soften(mask);
  return mask;
}

cv::Mat eyes_mouth_mask(const Landmarks& landmarks, cv::Size size) {
  cv::Mat mask = eyes_mask(landmarks, size);
  mask += mouth_mask(landmarks, size);
  cv::min(mask, 1.0, mask);
  return mask;
}

}  // namespace diptych
