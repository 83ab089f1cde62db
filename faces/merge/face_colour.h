// Colours of a face made like those of a reference, by the rules of merging (spec merge.md 5, 6).
// Pictures (R,R) CV_32FC3 BGR; masks CV_8UC1, 255 inside the face, or empty for the whole square.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <opencv2/core.hpp>

#include "faces/merge/merge_options.h"

namespace diptych {

// Result outside the mask is defined a few pixels around it only: nothing else is pasted. By
// default the statistics are those of the masked pixels (sot: of the square). parity_dfl: zeroed
// pixels count in rct, the whole square in lct and mkl. The random modes are seeded alike for every
// frame, so they do not flicker.
cv::Mat transfer_colours(std::string_view mode,
                         const cv::Mat& target,
                         const cv::Mat& reference,
                         const cv::Mat& mask,
                         bool parity_dfl);

cv::Mat match_histograms(const cv::Mat& target,
                         const cv::Mat& reference,
                         const cv::Mat& mask,
                         int threshold,
                         bool parity_dfl);

// Length in crop pixels of the motion blur, 0 for none (7.1). motion: path over two frames in frame
// pixels. By default it is scaled into the crop; parity_dfl takes frame pixels for crop pixels.
int motion_length(cv::Point2d motion, double crop_per_frame, const MergeOptions& options);

}  // namespace diptych
