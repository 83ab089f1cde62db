// What the files of this folder share: argument checks and clipping.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

namespace diptych {

// Throws Error that names the operation unless the picture is a non-empty CV_32FC3.
void check_colour_picture(const char* operation, const char* name, const cv::Mat& picture);

// Limits every value to [0,1] in place.
void clip_unit(cv::Mat& picture);

// out = (pixel - from) * matrix^T + to, clipped to [0,1].
cv::Mat map_colours(const cv::Mat& picture,
                    const cv::Vec3d& from,
                    const cv::Matx33d& matrix,
                    const cv::Vec3d& to);

}  // namespace diptych
