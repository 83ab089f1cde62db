// Histogram match per channel with exact cumulative distributions.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include "faces/colour/colour_detail.h"
#include "faces/colour/colour_transfer.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

// Distinct values in rising order and the share of pixels up to and including each, times `scale`.
struct Distribution {
  std::vector<float> value;
  std::vector<double> quantile;
};

Distribution distribution_of(const cv::Mat& picture, int channel, double scale) {
  std::vector<float> sorted;
  sorted.reserve(picture.total());
  for (int y = 0; y < picture.rows; ++y) {
    const auto* pixel = picture.ptr<cv::Vec3f>(y);
    for (int x = 0; x < picture.cols; ++x) sorted.push_back(pixel[x][channel]);
  }
  std::sort(sorted.begin(), sorted.end());
  Distribution d;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i + 1 < sorted.size() && sorted[i + 1] == sorted[i]) continue;
    d.value.push_back(sorted[i]);
    d.quantile.push_back(scale * static_cast<double>(i + 1) / static_cast<double>(sorted.size()));
  }
  return d;
}

// Value of the distribution at a quantile: linear between entries, constant outside.
float value_at(const Distribution& d, double quantile) {
  const auto above = std::upper_bound(d.quantile.begin(), d.quantile.end(), quantile);
  if (above == d.quantile.begin()) return d.value.front();
  if (above == d.quantile.end()) return d.value.back();
  const auto i = static_cast<size_t>(above - d.quantile.begin());
  const double t = (quantile - d.quantile[i - 1]) / (d.quantile[i] - d.quantile[i - 1]);
  return static_cast<float>(d.value[i - 1] + t * (d.value[i] - d.value[i - 1]));
}

}  // namespace

cv::Mat histogram_match(const cv::Mat& target, const cv::Mat& source, int threshold) {
  check_colour_picture("histogram_match", "target", target);
  check_colour_picture("histogram_match", "source", source);
  DIPTYCH_CHECK(threshold >= 1 && threshold <= 255, "histogram_match: threshold ", threshold,
                " is outside 1..255");
  DIPTYCH_CHECK(cv::checkRange(target) && cv::checkRange(source),
                "histogram_match: a picture holds a value that is not finite");
  cv::Mat result(target.size(), CV_32FC3);
  for (int c = 0; c < 3; ++c) {
    const Distribution from = distribution_of(target, c, threshold);
    const Distribution to = distribution_of(source, c, 255);
    std::vector<float> mapped;
    for (const double quantile : from.quantile) mapped.push_back(value_at(to, quantile));
    for (int y = 0; y < target.rows; ++y) {
      const auto* in = target.ptr<cv::Vec3f>(y);
      auto* out = result.ptr<cv::Vec3f>(y);
      for (int x = 0; x < target.cols; ++x) {
        const auto at = std::lower_bound(from.value.begin(), from.value.end(), in[x][c]);
        out[x][c] = mapped[static_cast<size_t>(at - from.value.begin())];
      }
    }
  }
  return result;
}

}  // namespace diptych
