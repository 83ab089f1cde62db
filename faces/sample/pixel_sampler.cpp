// Padding of pictures and the table of cubic weights.
// SPDX-License-Identifier: MIT
#include "faces/sample/pixel_sampler.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/check.h"

namespace diptych {

namespace pixel_sampler {

const std::array<Float4, kSteps + 1>& cubic_weights() {
  static const auto table = [] {
    constexpr double a = -0.75;
    const auto near_tap = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far_tap = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    std::array<Float4, kSteps + 1> weights;
    for (int k = 0; k <= kSteps; ++k) {
      const double f = static_cast<double>(k) / kSteps;
      weights[static_cast<size_t>(k)] =
          Float4{static_cast<float>(far_tap(1 + f)), static_cast<float>(near_tap(f)),
                 static_cast<float>(near_tap(1 - f)), static_cast<float>(far_tap(2 - f))};
    }
    return weights;
  }();
  return table;
}

}  // namespace pixel_sampler

PaddedPicture pad_picture(const cv::Mat& picture) {
  DIPTYCH_CHECK(picture.type() == CV_32FC3 && picture.rows == picture.cols && picture.rows > 0,
                "pad_picture: type ", picture.type(), " of ", picture.cols, "x", picture.rows,
                ", expected a square CV_32FC3 picture");
  constexpr int kPad = PaddedPicture::kPad;
  const int w = picture.cols;
  PaddedPicture padded{w, cv::Mat(w + 2 * kPad, w + 2 * kPad, CV_32FC4)};
  for (int y = 0; y < w; ++y) {
    const auto* in = picture.ptr<float>(y);
    auto* out = padded.pixels.ptr<cv::Vec4f>(y + kPad) + kPad;
    for (int x = 0; x < w; ++x, in += 3) out[x] = {in[0], in[1], in[2], 0.0f};
    out[-2] = out[-1] = out[0];
    out[w + 1] = out[w] = out[w - 1];
  }
  for (const int y : {0, 1}) {
    padded.pixels.row(kPad).copyTo(padded.pixels.row(y));
    padded.pixels.row(w + kPad - 1).copyTo(padded.pixels.row(w + kPad + y));
  }
  return padded;
}

PaddedMasks pad_masks(const cv::Mat& first, const cv::Mat& second) {
  DIPTYCH_CHECK(first.type() == CV_8UC1 && first.rows == first.cols && first.rows > 0 &&
                    (second.empty() || (second.type() == CV_8UC1 && second.size() == first.size())),
                "pad_masks: types ", first.type(), " and ", second.type(), " of ", first.cols, "x",
                first.rows, " and ", second.cols, "x", second.rows,
                ", expected square CV_8UC1 of one size");
  const int w = first.cols;
  PaddedMasks padded{w, cv::Mat::zeros(w + 2, w + 2, CV_8UC2)};
  for (int y = 0; y < w; ++y) {
    auto* out = padded.pixels.ptr<cv::Vec2b>(y + 1) + 1;
    const auto* a = first.ptr<uint8_t>(y);
    const auto* b = second.empty() ? nullptr : second.ptr<uint8_t>(y);
    for (int x = 0; x < w; ++x) out[x] = {a[x], b ? b[x] : uint8_t{0}};
  }
  return padded;
}

}  // namespace diptych
