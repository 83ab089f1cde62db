// From 68 landmarks to the matrix that cuts the aligned face out of a frame (spec alignment.md 5 to
// 7). Coordinates: x right, y down, pixel centres at integers; iBUG 68-point order. All arithmetic
// in double.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <opencv2/core.hpp>

#include "faces/align/face_type.h"

namespace diptych {

using Landmarks = std::array<cv::Point2d, 68>;

// Similarity (Umeyama 1991) that maps the 33 alignment landmarks (17..48, 54) onto the template in
// the unit square. Throws Error when the points coincide or hold a NaN.
cv::Matx23d umeyama_to_template(const Landmarks& landmarks);

// Frame -> crop of size x size pixels. Crop corners map to 0 and size. scale q shrinks the crop
// area (merging's output face scale); 1 everywhere else.
cv::Matx23d crop_matrix(const Landmarks& landmarks, int size, FaceType type, double scale = 1.0);

// Exact inverse of an affine map; points through an affine map.
cv::Matx23d invert(const cv::Matx23d& matrix);
cv::Point2d transform(const cv::Matx23d& matrix, cv::Point2d point);
Landmarks transform(const cv::Matx23d& matrix, const Landmarks& landmarks);

// Mirror image of landmarks in a picture `width` wide: pairs swapped, x -> width - 1 - x (spec
// alignment.md 12).
Landmarks mirror(const Landmarks& landmarks, double width);

}  // namespace diptych
