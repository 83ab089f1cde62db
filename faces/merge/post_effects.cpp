// Motion blur, sharpening, denoising and degrading.
// SPDX-License-Identifier: MIT
#include "faces/merge/post_effects.h"

#include <algorithm>

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"

namespace diptych {

cv::Mat motion_kernel(int size, double degrees) {
  DIPTYCH_CHECK(size >= 2, "motion_kernel: size is ", size, ", want at least 2");
  cv::Mat line = cv::Mat::zeros(size, size, CV_32F);
  line.row((size - 1) / 2).setTo(1);
  const auto centre = static_cast<float>(size / 2.0 - 0.5);
  cv::Mat kernel;
  cv::warpAffine(line, kernel, cv::getRotationMatrix2D({centre, centre}, degrees, 1.0),
                 line.size());
  return kernel * (1.0 / cv::sum(kernel)[0]);
}

cv::Mat motion_blur(const cv::Mat& picture, int size, double degrees) {
  cv::Mat out;
  cv::filter2D(picture, out, -1, motion_kernel(size, degrees));
  return out;
}

namespace {

cv::Mat median_passes(const cv::Mat& picture, int power, int unit) {
  cv::Mat out = picture.clone(), median;
  for (int n = power; n > 0; n -= 10) {
    cv::medianBlur(out, median, 5);
    const double weight = std::min(1.0, static_cast<double>(n) / unit);
    cv::addWeighted(out, 1 - weight, median, weight, 0, out);
  }
  return out;
}

}  // namespace

cv::Mat sharpen(const cv::Mat& picture, SharpenMode mode, int amount) {
  if (amount < 0) return median_passes(picture, -amount, 10);
  cv::Mat out = picture.clone();
  if (amount == 0 || mode == SharpenMode::kNone) return out;
  cv::Mat smooth;
  double gain = amount;
  if (mode == SharpenMode::kBox) {
    cv::blur(picture, smooth, cv::Size(3, 3));
  } else {
    cv::GaussianBlur(picture, smooth, cv::Size(3, 3), 0);
    gain = 0.5 * amount;
  }
  cv::addWeighted(picture, 1 + gain, smooth, -gain, 0, out);
  return out;
}

cv::Mat denoise(const cv::Mat& picture, int power) {
  return median_passes(picture, power, 100);
}

cv::Mat bicubic_degrade(const cv::Mat& picture, int power) {
  const double keep = 1.0 - power / 101.0;
  const cv::Size small(std::max(1, static_cast<int>(picture.cols * keep)),
                       std::max(1, static_cast<int>(picture.rows * keep)));
  cv::Mat out;
  cv::resize(picture, out, small, 0, 0, cv::INTER_CUBIC);
  cv::resize(out, out, picture.size(), 0, 0, cv::INTER_CUBIC);
  return out;
}

}  // namespace diptych
