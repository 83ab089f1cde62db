// Random hue, saturation and value of the network's input (spec samples.md 3.4).
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/sample/random_source.h"
#include "kernels/image_warp/warp_draws.h"

namespace diptych {

using warp::ColourShift;

// power a in [0, 1]: hue within +-180a degrees, saturation and value within +-a/2. The original
// (parity_dfl) moves the hue by whole degrees, and by up to one however small a is.
ColourShift draw_colour_shift(RandomSource& random, double power, bool parity_dfl = false);

// Changes a CV_32FC3 BGR picture in place; the result lies in [0,1].
void shift_colours(cv::Mat& picture, const ColourShift& shift);

}  // namespace diptych
