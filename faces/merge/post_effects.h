// Effects that make a pasted face and its frame alike (spec merge.md 7). Pictures are CV_32FC3 BGR
// in [0,1] unless said; results are new pictures and are not clipped.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/merge/merge_options.h"

namespace diptych {

// Line of `size` pixels turned by `degrees` counter-clockwise, sum 1 (7.1). size >= 2.
cv::Mat motion_kernel(int size, double degrees);  // (size,size) CV_32FC1
cv::Mat motion_blur(const cv::Mat& picture, int size, double degrees);

// amount > 0 sharpens by the mode, amount < 0 blurs by medians in any mode (7.2).
cv::Mat sharpen(const cv::Mat& picture, SharpenMode mode, int amount);

// Median passes of falling weight (7.3), power 0..500.
cv::Mat denoise(const cv::Mat& picture, int power);

// Cubic reduction by 1 - power/101 and back (7.4), power 0..100.
cv::Mat bicubic_degrade(const cv::Mat& picture, int power);

// frame CV_8UC3: blends with the frame reduced to at most 256 colours found by median cut
// (Heckbert 1982), no dithering (7.5), power 0..100.
cv::Mat colour_degrade(const cv::Mat& frame, int power);

}  // namespace diptych
