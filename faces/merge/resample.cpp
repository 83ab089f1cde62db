// Sampling between frame and face crop.
// SPDX-License-Identifier: MIT
#include "faces/merge/resample.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/align/crop_matrix.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kCubicMargin = 3;  // taps of the cubic kernel on either side, plus one

// Crop pixels per frame pixel.
double scale_of(const cv::Matx23d& m) {
  return std::sqrt(std::abs(m(0, 0) * m(1, 1) - m(0, 1) * m(1, 0)));
}

// Bounding rectangle in the frame of a crop's square, cut to the frame.
cv::Rect bounds_in_frame(const cv::Matx23d& frame_to_crop, double size, cv::Size frame) {
  const cv::Matx23d back = invert(frame_to_crop);
  double left = 1e30, top = 1e30, right = -1e30, bottom = -1e30;
  for (const cv::Point2d corner : {cv::Point2d(0, 0), {size, 0}, {0, size}, {size, size}}) {
    const cv::Point2d p = transform(back, corner);
    left = std::min(left, p.x), right = std::max(right, p.x);
    top = std::min(top, p.y), bottom = std::max(bottom, p.y);
  }
  const auto clamp_to = [](double v, int limit) {
    return static_cast<int>(std::clamp(v, -1e6, limit + 1e6));
  };
  const int x0 = std::max(0, clamp_to(std::floor(left), frame.width) - kCubicMargin);
  const int y0 = std::max(0, clamp_to(std::floor(top), frame.height) - kCubicMargin);
  const int x1 = std::min(frame.width, clamp_to(std::ceil(right), frame.width) + kCubicMargin + 1);
  const int y1 =
      std::min(frame.height, clamp_to(std::ceil(bottom), frame.height) + kCubicMargin + 1);
  if (x1 <= x0 || y1 <= y0) return {};
  return {x0, y0, x1 - x0, y1 - y0};
}

// The matrix for coordinates that start at the rectangle's corner.
cv::Matx23d from_roi(cv::Matx23d m, const cv::Rect& roi) {
  m(0, 2) += m(0, 0) * roi.x + m(0, 1) * roi.y;
  m(1, 2) += m(1, 0) * roi.x + m(1, 1) * roi.y;
  return m;
}

}  // namespace

cv::Matx23d resized_grid(const cv::Matx23d& frame_to_crop, double factor) {
  cv::Matx23d m = frame_to_crop * factor;
  m(0, 2) += (factor - 1) / 2;
  m(1, 2) += (factor - 1) / 2;
  return m;
}

void limit_to_unit(cv::Mat& image) {
  cv::max(image, 0.0, image);
  cv::min(image, 1.0, image);
}

cv::Rect reach_of_crop(const cv::Matx23d& frame_to_crop, int size, cv::Size frame) {
  return bounds_in_frame(frame_to_crop, size, frame);
}

cv::Mat pixels_on_frame(const cv::Matx23d& frame_to_crop, int size, cv::Size frame) {
  const cv::Matx23d back = invert(frame_to_crop);
  cv::Mat out(size, size, CV_8UC1);
  bool all = true;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const cv::Point2d p = transform(back, cv::Point2d(x, y));
      const bool inside = p.x >= 0 && p.y >= 0 && p.x <= frame.width - 1 && p.y <= frame.height - 1;
      out.at<uchar>(y, x) = inside ? 255 : 0;
      all = all && inside;
    }
  }
  return all ? cv::Mat() : out;
}

cv::Mat sample_crop(const cv::Mat& frame,
                    const cv::Matx23d& frame_to_crop,
                    int size,
                    bool area_aware) {
  DIPTYCH_CHECK(frame.type() == CV_8UC3, "sample_crop: frame has OpenCV type ", frame.type(),
                ", want CV_8UC3");
  const cv::Rect roi = bounds_in_frame(frame_to_crop, size, frame.size());
  if (roi.empty()) return cv::Mat::zeros(size, size, CV_32FC3);
  cv::Mat part;
  frame(roi).convertTo(part, CV_32F, 1.0 / 255);
  // Samples per crop pixel along each axis: about one per frame pixel.
  const int samples =
      area_aware ? std::clamp(static_cast<int>(std::lround(1 / scale_of(frame_to_crop))), 1, 64)
                 : 1;
  const cv::Matx23d grid = from_roi(resized_grid(frame_to_crop, samples), roi);
  cv::Mat crop;
  cv::warpAffine(part, crop, grid, cv::Size(size * samples, size * samples),
                 samples > 1 ? cv::INTER_LINEAR : cv::INTER_CUBIC, cv::BORDER_CONSTANT);
  if (samples > 1) cv::resize(crop, crop, cv::Size(size, size), 0, 0, cv::INTER_AREA);
  limit_to_unit(crop);
  return crop;
}

cv::Mat sample_back(const cv::Mat& crop,
                    const cv::Matx23d& frame_to_crop,
                    const cv::Rect& roi,
                    Outside outside,
                    bool area_aware) {
  cv::Mat source = crop;
  cv::Matx23d grid = frame_to_crop;
  const double scale = scale_of(frame_to_crop);
  if (area_aware && scale > 1.25) {
    const int reduced = std::max(1, static_cast<int>(std::ceil(crop.cols / scale)));
    cv::resize(crop, source, cv::Size(reduced, reduced), 0, 0, cv::INTER_AREA);
    grid = resized_grid(frame_to_crop, static_cast<double>(reduced) / crop.cols);
  }
  cv::Mat out;
  cv::warpAffine(source, out, from_roi(grid, roi), roi.size(),
                 cv::INTER_CUBIC | cv::WARP_INVERSE_MAP,
                 outside == Outside::kBlack ? cv::BORDER_CONSTANT : cv::BORDER_REPLICATE);
  return out;
}

}  // namespace diptych
