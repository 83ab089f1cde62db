// From one predicted face to the layer that is laid into the frame (spec merge.md 3 to 7).
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/merge/composite.h"
#include "faces/merge/merge_face.h"

namespace diptych {

// The model's side of a merge.
struct MergeTarget {
  int resolution = 0;  // R
  FaceType type = FaceType::kWhole;
};

// The mask before shaping: (R,R), or (4R,4R) for the landmark hull, CV_32FC1.
cv::Mat choose_mask(const cv::Mat& frame,
                    const PredictedFace& face,
                    const MergeTarget& target,
                    const MergeOptions& options);

// The shaped mask on its grid of 4R pixels; raw modes take it unshaped.
cv::Mat mask_on_grid(const cv::Mat& frame,
                     const PredictedFace& face,
                     const MergeTarget& target,
                     const MergeOptions& options);

// frame is the original. The layer holds the face alone: what surrounds it is the canvas's.
FaceLayer make_layer(const cv::Mat& frame,
                     const PredictedFace& face,
                     const MergeTarget& target,
                     const MergeOptions& options);

}  // namespace diptych
