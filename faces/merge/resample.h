// Sampling a frame into a face crop and a crop back into the frame, inside bounding rectangles.
// Matrices map frame -> crop; crop corners are 0 and size (spec alignment.md 7.2), pixel i of a
// grid lies at coordinate i.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

namespace diptych {

enum class Outside { kBlack, kReplicate };

// frame CV_8UC3 -> (size,size) CV_32FC3 in [0,1], cubic, black outside. area_aware: a crop that
// shrinks the frame averages over the area of its pixels instead of skipping some.
cv::Mat sample_crop(const cv::Mat& frame,
                    const cv::Matx23d& frame_to_crop,
                    int size,
                    bool area_aware);

// (size,size) CV_8UC1: 255 where a crop pixel lies on the frame; empty when all of them do.
cv::Mat pixels_on_frame(const cv::Matx23d& frame_to_crop, int size, cv::Size frame);

// Rectangle of the frame that a (size,size) crop reaches, a margin of cubic taps included; may be
// empty.
cv::Rect reach_of_crop(const cv::Matx23d& frame_to_crop, int size, cv::Size frame);

// crop CV_32FC1 or CV_32FC3, square -> CV_32F picture of `roi`, cubic (not clipped: cubic
// overshoots). area_aware: a crop larger than its place in the frame is averaged down first.
cv::Mat sample_back(const cv::Mat& crop,
                    const cv::Matx23d& frame_to_crop,
                    const cv::Rect& roi,
                    Outside outside,
                    bool area_aware);

// The matrix for a grid that cv::resize makes of the crop, `factor` times its size: pixel areas
// line up, so coordinate c becomes factor * c + (factor - 1) / 2.
cv::Matx23d resized_grid(const cv::Matx23d& frame_to_crop, double factor);

// Clips to [0,1] in place.
void limit_to_unit(cv::Mat& image);

}  // namespace diptych
