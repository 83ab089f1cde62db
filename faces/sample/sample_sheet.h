// A picture of a batch for people to look at.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/sample/sampler.h"

namespace diptych {

// A row per sample: target | warped | mask | eyes and mouth (left out when the batch has none).
// CV_8UC3 BGR, (N*R, columns*R).
cv::Mat sample_sheet(const SampleBatch& batch);

}  // namespace diptych
