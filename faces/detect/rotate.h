// Pictures turned by quarter turns, and points and boxes turned back. Pixel centres at integers, so
// a turn is exact. SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

namespace diptych {

// degrees: 0, 90, 180 or 270, clockwise. 0 shares the picture.
cv::Mat rotate_clockwise(const cv::Mat& picture, int degrees);

// A point of the turned picture in the upright one, whose size is given.
cv::Point2d rotate_back(cv::Point2d point, int degrees, cv::Size upright);
// A box of the turned picture in the upright one.
cv::Rect2d rotate_back(const cv::Rect2d& box, int degrees, cv::Size upright);
// A box of the upright picture in the turned one.
cv::Rect2d rotate_forward(const cv::Rect2d& box, int degrees, cv::Size upright);

}  // namespace diptych
