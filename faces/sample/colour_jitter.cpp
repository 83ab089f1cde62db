// Random hue, saturation and value.
// SPDX-License-Identifier: MIT
#include "faces/sample/colour_jitter.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"

namespace diptych {

ColourShift draw_colour_shift(RandomSource& random, double power, bool parity_dfl) {
  if (!parity_dfl) return warp::draw_colour_shift(random, power);
  ColourShift shift;
  const int n = std::max(1, static_cast<int>(180 * power));
  shift.hue = static_cast<float>(random.below(2 * n + 1) - n);
  shift.saturation = static_cast<float>((random.uniform() - 0.5) * power);
  shift.value = static_cast<float>((random.uniform() - 0.5) * power);
  return shift;
}

void shift_colours(cv::Mat& picture, const ColourShift& shift) {
  DIPTYCH_CHECK(picture.type() == CV_32FC3, "shift_colours: picture is type ", picture.type(),
                ", expected CV_32FC3");
  cv::Mat hsv;
  cv::cvtColor(picture, hsv, cv::COLOR_BGR2HSV);
  for (int y = 0; y < hsv.rows; ++y) {
    auto* pixel = hsv.ptr<cv::Vec3f>(y);
    for (int x = 0; x < hsv.cols; ++x) {
      float hue = pixel[x][0] + shift.hue;
      hue = hue < 0 ? hue + 360 : hue >= 360 ? hue - 360 : hue;
      pixel[x] = {hue, std::clamp(pixel[x][1] + shift.saturation, 0.0f, 1.0f),
                  std::clamp(pixel[x][2] + shift.value, 0.0f, 1.0f)};
    }
  }
  cv::cvtColor(hsv, picture, cv::COLOR_HSV2BGR);
  for (int y = 0; y < picture.rows; ++y) {
    auto* value = picture.ptr<float>(y);
    for (int i = 0; i < picture.cols * 3; ++i) value[i] = std::clamp(value[i], 0.0f, 1.0f);
  }
}

}  // namespace diptych
