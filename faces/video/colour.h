// Between libav pictures and 8-bit BGR, with the right matrix and range.
// Matrices and ranges: ITU-R BT.601, BT.709, BT.2020; code points ITU-T H.273.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/video/libav.h"

namespace diptych {

struct ColourModel {
  AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
  bool full_range = false;
  bool tagged = false;  // the file says the matrix
};

// What a picture's numbers mean. Untagged YUV: BT.709 from 1280 wide or above 576 high, else
// BT.601; limited range unless the pixel format says full. RGB and grey are full range.
ColourModel resolve_colour(
    AVPixelFormat format, AVColorSpace matrix, AVColorRange range, int width, int height);

// Decoded picture -> BGR. Chroma is interpolated, not repeated: faces are skin, and skin is chroma.
class ToBgr {
 public:
  // Scales when `size` differs from the frame's. The result lives until the next call.
  const cv::Mat& convert(const AVFrame& frame, const ColourModel& model, cv::Size size);

 private:
  ScalerPtr scaler_;
  int key_[7] = {-1, -1, -1, -1, -1, -1, -1};
  cv::Mat padded_, view_;
};

// BGR -> limited-range BT.709 YUV in a frame the encoder owns. One size for all pictures.
class FromBgr {
 public:
  // width, height even. out: allocated, yuv420p.
  void convert(const cv::Mat& bgr, AVFrame& out);

 private:
  ScalerPtr scaler_;
};

}  // namespace diptych
