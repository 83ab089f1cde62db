// Cutting an aligned face out of a frame.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/extract/extract.h"
#include "faces/mask/masks.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr int kFinestGrid = 16;  // samples across a crop pixel

}  // namespace

cv::Mat cut_face(const cv::Mat& bgr, const cv::Matx23d& matrix, int size) {
  DIPTYCH_CHECK(bgr.type() == CV_8UC3 && !bgr.empty() && size > 0,
                "cut_face: need an 8-bit BGR picture and a size, got type ", bgr.type(), ", size ",
                size);
  const double scale = std::hypot(matrix(0, 0), matrix(1, 0));  // crop pixels per frame pixel
  DIPTYCH_CHECK(std::isfinite(scale) && scale > 0, "cut_face: the matrix scales by ", scale);
  cv::Mat crop;
  if (scale >= 1) {
    cv::warpAffine(bgr, crop, matrix, {size, size}, cv::INTER_LANCZOS4);
    return crop;
  }
  const int k = std::min(static_cast<int>(std::ceil(1 / scale)), kFinestGrid);
  // Pixel i of the crop is the mean of the fine pixels k*i .. k*i+k-1, so their middle has to lie
  // where pixel i lies.
  cv::Matx23d fine = matrix * static_cast<double>(k);
  fine(0, 2) += (k - 1) / 2.0;
  fine(1, 2) += (k - 1) / 2.0;
  cv::warpAffine(bgr, crop, fine, {k * size, k * size}, cv::INTER_CUBIC);
  cv::resize(crop, crop, {size, size}, 0, 0, cv::INTER_AREA);
  return crop;
}

double face_sharpness(const cv::Mat& bgr, const Landmarks& landmarks) {
  const HullCutout hull = hull_cutout(landmarks, bgr.size());
  if (hull.box.empty()) return 0;
  // Only the box around the hull is looked at, with the neighbours that its border needs: what is
  // outside changes nothing, and large temporary pictures cost more than the filter.
  const cv::Rect reach =
      cv::Rect(hull.box.x - 1, hull.box.y - 1, hull.box.width + 2, hull.box.height + 2) &
      cv::Rect({}, bgr.size());
  cv::Mat grey, edges;
  cv::cvtColor(bgr(reach), grey, cv::COLOR_BGR2GRAY);
  cv::Laplacian(grey, edges, CV_16S, 3);  // whole numbers up to 2040
  cv::Scalar mean, deviation;
  cv::meanStdDev(edges(hull.box - reach.tl()), mean, deviation, hull.inside);
  return deviation[0] * deviation[0];
}

}  // namespace diptych
