// Shaping a face mask and projecting it into the frame.
// SPDX-License-Identifier: MIT
#include "faces/merge/face_mask.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "faces/merge/resample.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr float kFaint = 1.0f / 255;  // under it a mask counts as absent

void drop_faint(cv::Mat& mask) {
  cv::threshold(mask, mask, kFaint - 1e-7f, 0, cv::THRESH_TOZERO);
}

// Half width of row dy of an ellipse of odd size 2 * radius + 1 (OpenCV's rule, spec merge.md 4.2).
int half_width(int radius, int dy) {
  const double inside = static_cast<double>(radius) * radius - static_cast<double>(dy) * dy;
  return radius == 0 ? 0
                     : cvRound(radius * std::sqrt(inside / (static_cast<double>(radius) * radius)));
}

struct Smaller {
  static float pick(float a, float b) { return a < b ? a : b; }
};

struct Larger {
  static float pick(float a, float b) { return a > b ? a : b; }
};

// out(y) = pick(out(y), row(y + dy)) where that row exists; rows outside count as 0 through
// padding.
template <class Pick>
void fold_rows(const cv::Mat& rows, int dy, cv::Mat& out) {
  const int first = std::max(0, -dy), last = std::min(out.rows, out.rows - dy);
  for (int y = first; y < last; ++y) {
    const float* a = rows.ptr<float>(y + dy);
    float* o = out.ptr<float>(y);
    for (int x = 0; x < out.cols; ++x) o[x] = Pick::pick(o[x], a[x]);
  }
}

// Widens the window of a running extreme by one pixel on both sides.
template <class Pick>
void widen(const cv::Mat& from, const cv::Mat& centre, cv::Mat& to) {
  for (int y = 0; y < from.rows; ++y) {
    const float *a = from.ptr<float>(y), *c = centre.ptr<float>(y);
    float* o = to.ptr<float>(y);
    for (int x = 1; x + 1 < from.cols; ++x) o[x] = Pick::pick(c[x], Pick::pick(a[x - 1], a[x + 1]));
  }
}

// Erosion or dilation by an ellipse of odd size. Rows of an ellipse are runs: running extremes of
// growing width are folded into the rows that have this width, so the cost per pixel is
// proportional to the size, not to its square.
template <class Pick>
cv::Mat elliptic_extreme(const cv::Mat& mask, int radius) {
  const int pad = radius + 1;
  cv::Mat centre;
  cv::copyMakeBorder(mask, centre, pad, pad, pad, pad, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::Mat window = centre.clone(), out = centre.clone();
  cv::Mat next = cv::Mat::zeros(centre.size(), CV_32F);  // its border columns stay 0
  int width = 0;
  for (int dy = radius; dy >= 0; --dy) {
    for (const int wanted = half_width(radius, dy); width < wanted; ++width) {
      widen<Pick>(window, centre, next);
      std::swap(window, next);
    }
    fold_rows<Pick>(window, dy, out);
    if (dy > 0) fold_rows<Pick>(window, -dy, out);
  }
  return out(cv::Rect(pad, pad, mask.cols, mask.rows)).clone();
}

// The same in strips of rows that stay in the cache, with `radius` rows of their neighbours.
template <class Pick>
cv::Mat elliptic_extreme_in_strips(const cv::Mat& mask, int radius) {
  const int strip = std::max(48, 4 * radius);
  cv::Mat out(mask.size(), CV_32F);
  for (int y = 0; y < mask.rows; y += strip) {
    const int end = std::min(mask.rows, y + strip);
    const int top = std::max(0, y - radius), bottom = std::min(mask.rows, end + radius);
    const cv::Mat part = elliptic_extreme<Pick>(mask.rowRange(top, bottom).clone(), radius);
    part.rowRange(y - top, end - top).copyTo(out.rowRange(y, end));
  }
  return out;
}

// The original's even element through OpenCV, 0 outside.
cv::Mat off_centre_extreme(const cv::Mat& mask, int size, bool erode) {
  const cv::Mat element = cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(size, size));
  cv::Mat out;
  if (erode) {
    cv::erode(mask, out, element, cv::Point(-1, -1), 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  } else {
    cv::dilate(mask, out, element, cv::Point(-1, -1), 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  }
  return out;
}

// The part of a mask that an operation reaching `reach` pixels can change: the rest is 0 before and
// after.
cv::Rect reached(const cv::Mat& mask, int reach) {
  const cv::Rect box = bounds_of(mask, std::numeric_limits<float>::min());
  if (box.empty()) return box;
  return cv::Rect(box.x - reach, box.y - reach, box.width + 2 * reach, box.height + 2 * reach) &
         cv::Rect(0, 0, mask.cols, mask.rows);
}

}  // namespace

cv::Mat erode_mask(const cv::Mat& mask, int size, bool parity_dfl) {
  if (size == 0) return mask;
  const int side = std::abs(size);
  cv::Mat out = cv::Mat::zeros(mask.size(), CV_32F);
  const cv::Rect area = reached(mask, size > 0 ? 0 : side);
  if (area.empty()) return out;
  // A copy, because OpenCV looks beyond the edge of a rectangle of a larger picture.
  const cv::Mat part = mask(area).clone();
  const cv::Mat shaped = parity_dfl && side % 2 == 0 ? off_centre_extreme(part, side, size > 0)
                         : size > 0 ? elliptic_extreme_in_strips<Smaller>(part, side / 2)
                                    : elliptic_extreme_in_strips<Larger>(part, side / 2);
  shaped.copyTo(out(area));
  return out;
}

cv::Mat blur_mask(const cv::Mat& mask, int blur) {
  if (blur <= 0) return mask;
  const int border = blur / 2;
  cv::Mat inner = cv::Mat::zeros(mask.size(), CV_32F);
  if (2 * border < mask.cols && 2 * border < mask.rows) {
    const cv::Rect kept(border, border, mask.cols - 2 * border, mask.rows - 2 * border);
    mask(kept).copyTo(inner(kept));
  }
  const int kernel = blur | 1;
  cv::Mat out = cv::Mat::zeros(mask.size(), CV_32F);
  const cv::Rect area = reached(inner, kernel / 2);
  if (area.empty()) return out;
  cv::Mat faded;
  cv::GaussianBlur(inner(area), faded, cv::Size(kernel, kernel), 0, 0,
                   cv::BORDER_CONSTANT | cv::BORDER_ISOLATED);
  faded.copyTo(out(area));
  return out;
}

cv::Mat shape_mask(const cv::Mat& mask, int grid, int erode, int blur, bool parity_dfl) {
  DIPTYCH_CHECK(mask.type() == CV_32FC1 && mask.cols == mask.rows && mask.cols > 0,
                "shape_mask: mask ", mask.cols, "x", mask.rows, " of OpenCV type ", mask.type(),
                ", want a square CV_32FC1");
  cv::Mat out = mask.clone();
  drop_faint(out);
  if (out.cols != grid) cv::resize(out, out, cv::Size(grid, grid), 0, 0, cv::INTER_CUBIC);
  out = blur_mask(erode_mask(out, erode, parity_dfl), blur);
  limit_to_unit(out);
  return out;
}

cv::Mat mask_in_frame(const cv::Mat& mask,
                      const cv::Matx23d& frame_to_crop,
                      int resolution,
                      const cv::Rect& roi,
                      bool parity_dfl) {
  const double factor = static_cast<double>(mask.cols) / resolution;
  const cv::Matx23d grid =
      parity_dfl ? cv::Matx23d(frame_to_crop * factor) : resized_grid(frame_to_crop, factor);
  cv::Mat out = sample_back(mask, grid, roi, Outside::kBlack, !parity_dfl);
  limit_to_unit(out);
  drop_faint(out);
  return out;
}

cv::Rect bounds_of(const cv::Mat& mask, float threshold) {
  int left = mask.cols, right = -1, top = mask.rows, bottom = -1;
  for (int y = 0; y < mask.rows; ++y) {
    const float* row = mask.ptr<float>(y);
    int x0 = 0, x1 = mask.cols - 1;
    while (x0 < mask.cols && !(row[x0] >= threshold)) ++x0;
    if (x0 == mask.cols) continue;
    while (!(row[x1] >= threshold)) --x1;
    left = std::min(left, x0), right = std::max(right, x1);
    top = std::min(top, y), bottom = y;
  }
  return right < left ? cv::Rect() : cv::Rect(left, top, right - left + 1, bottom - top + 1);
}

}  // namespace diptych
