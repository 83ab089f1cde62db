// A loss curve as a picture: axes with round numbers, labels, a legend, raw values faint and their
// mean bold.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "apps/training/metrics.h"

namespace diptych {

// CV_8UC3 BGR. Points that are not finite leave a gap. Works with no point at all.
cv::Mat plot_losses(std::span<const LossPoint> history,
                    const std::string& title,
                    cv::Size size = {1000, 560});

// The DSSIM of held-out faces, src and dst, in the same form.
cv::Mat plot_holdout(std::span<const HoldoutPoint> history,
                     const std::string& title,
                     cv::Size size = {1000, 280});

// Multiples of 1, 2 or 5 times a power of ten that cover [low, high], at most `most` of them.
std::vector<double> axis_ticks(double low, double high, int most);

// Centred mean over a window of about a 50th of the points (a fifth of few points, at most 21); NaN
// where the window holds no finite value.
std::vector<float> smooth(std::span<const float> values);

}  // namespace diptych
