// Masks drawn from landmarks (spec alignment.md 10, samples.md 5).
//
// Landmarks are in pixels of the picture that `size` describes; parts outside are cut off. Every
// mask is CV_32FC1 of that size, values in [0,1], but for cut-outs. Errors: Error for an empty size
// or a landmark that is not finite.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"

namespace diptych {

// Landmarks in whole pixels with the brows moved away from the eyes by half their distance times
// the factor: the points that the hull is drawn from.
std::array<cv::Point, 68> expand_eyebrows(const Landmarks& landmarks, double factor);

// The face: union of the filled hulls of jaw, cheeks, nose and eyes. Values 0 and 1.
cv::Mat hull_mask(const Landmarks& landmarks, cv::Size size, double eyebrow_factor = 1.0);

// The same hull as a cut-out: values 0 and 1 as CV_8UC1 of the box around it. Both are empty when
// no part of it lies in the picture.
struct HullCutout {
  cv::Rect box;
  cv::Mat inside;
};

HullCutout hull_cutout(const Landmarks& landmarks, cv::Size size, double eyebrow_factor = 1.0);

// Eyes or inner mouth, dilated by height / 32 and blurred by height / 16. Not cut to the face.
cv::Mat eyes_mask(const Landmarks& landmarks, cv::Size size);
cv::Mat mouth_mask(const Landmarks& landmarks, cv::Size size);
// Sum of both, limited to 1. Training multiplies it with the face mask (samples.md 5.3).
cv::Mat eyes_mouth_mask(const Landmarks& landmarks, cv::Size size);

}  // namespace diptych
