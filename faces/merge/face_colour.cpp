// Masked colour transfer and histogram match of a face.
// SPDX-License-Identifier: MIT
#include "faces/merge/face_colour.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/colour/colour_transfer.h"

namespace diptych {

namespace {

constexpr uint64_t kColourSeed = 0x6D65726765;  // one seed for every frame
constexpr int kRing = 2;                        // pixels around the mask that interpolation reaches

// The pixels of a picture where the mask is set, as one row.
cv::Mat gather(const cv::Mat& picture, const cv::Mat& mask) {
  cv::Mat out(1, cv::countNonZero(mask), CV_32FC3);
  auto* to = out.ptr<cv::Vec3f>(0);
  for (int y = 0; y < picture.rows; ++y) {
    const auto* row = picture.ptr<cv::Vec3f>(y);
    const uchar* m = mask.ptr<uchar>(y);
    for (int x = 0; x < picture.cols; ++x) {
      if (m[x] != 0) *to++ = row[x];
    }
  }
  return out;
}

cv::Mat scatter(const cv::Mat& pixels, const cv::Mat& picture, const cv::Mat& mask) {
  cv::Mat out = picture.clone();
  const auto* from = pixels.ptr<cv::Vec3f>(0);
  for (int y = 0; y < out.rows; ++y) {
    auto* row = out.ptr<cv::Vec3f>(y);
    const uchar* m = mask.ptr<uchar>(y);
    for (int x = 0; x < out.cols; ++x) {
      if (m[x] != 0) row[x] = *from++;
    }
  }
  return out;
}

// Runs change(target pixels, reference pixels) on the masked pixels and a ring around them.
template <class Change>
cv::Mat on_masked(const cv::Mat& target,
                  const cv::Mat& reference,
                  const cv::Mat& mask,
                  const Change& change) {
  cv::Mat ringed;
  cv::dilate(mask, ringed, cv::Mat::ones(2 * kRing + 1, 2 * kRing + 1, CV_8U));
  if (cv::countNonZero(ringed) == 0) return target;
  return scatter(change(gather(target, ringed), gather(reference, ringed)), target, ringed);
}

// White outside the mask (spec merge.md 5.4, step 2).
cv::Mat on_white(const cv::Mat& picture, const cv::Mat& mask) {
  cv::Mat out(picture.size(), CV_32FC3, cv::Scalar::all(1));
  picture.copyTo(out, mask);
  return cv::min(out, 1.0);
}

}  // namespace

cv::Mat transfer_colours(std::string_view mode,
                         const cv::Mat& target,
                         const cv::Mat& reference,
                         const cv::Mat& mask,
                         bool parity_dfl) {
  if (mode == "none") return target;
  if (mode == "rct") {
    cv::Mat weights;
    mask.convertTo(weights, CV_32F, 1.0 / 255);
    return parity_dfl ? colour_rct_parity(target, reference, weights, weights)
                      : colour_rct(target, reference, weights, weights);
  }
  // sot smooths its change over the picture, so it needs the picture.
  if (parity_dfl || mode == "sot") return colour_transfer(mode, target, reference, kColourSeed);
  return on_masked(target, reference, mask, [&](const cv::Mat& t, const cv::Mat& r) {
    return colour_transfer(mode, t, r, kColourSeed);
  });
}

cv::Mat match_histograms(const cv::Mat& target,
                         const cv::Mat& reference,
                         const cv::Mat& mask,
                         int threshold,
                         bool parity_dfl) {
  if (mask.empty()) return histogram_match(target, reference, threshold);
  if (parity_dfl) {
    return histogram_match(on_white(target, mask), on_white(reference, mask), threshold);
  }
  return on_masked(target, reference, mask, [&](const cv::Mat& t, const cv::Mat& r) {
    return histogram_match(t, r, threshold);
  });
}

int motion_length(cv::Point2d motion, double crop_per_frame, const MergeOptions& options) {
  const double path = std::hypot(motion.x, motion.y) * options.motion_blur_power / 100.0;
  const int length = static_cast<int>(options.parity_dfl ? path : path * crop_per_frame);
  return length >= 1 ? std::clamp(length + 1, 2, 50) : 0;
}

}  // namespace diptych
