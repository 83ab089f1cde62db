// The mask of a merged face: shaping in the crop and projection into the frame (spec merge.md 4).
// Masks are CV_32FC1 in [0,1]. The working grid has Q = 4R pixels a side.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

namespace diptych {

inline constexpr int kMaskGrid = 4;  // Q / R

// Erodes by an ellipse of `size` (> 0) or dilates by one of -size (< 0); the mask is 0 outside.
// An even size has no centre pixel: size + 1 is used, so the mask does not drift. parity_dfl keeps
// the original's off-centre even element.
cv::Mat erode_mask(const cv::Mat& mask, int size, bool parity_dfl = false);

// Fades the mask: zero in a border of blur/2 pixels, then a Gaussian of blur pixels (odd, +1 when
// even; sigma 0.15k + 0.35), 0 outside, so the fade ends at the edge of the grid.
cv::Mat blur_mask(const cv::Mat& mask, int blur);

// Mask of any square size -> grid Q: threshold at 1/255, cubic resize, erode, blur, clip.
cv::Mat shape_mask(const cv::Mat& mask, int grid, int erode, int blur, bool parity_dfl = false);

// Grid -> picture of `roi` in the frame, clipped, values under 1/255 set to 0. frame_to_grid is the
// matrix of the crop at size Q; pixel areas of the network's grid and of the mask's grid line up
// (under parity_dfl they do not: the mask shifts by 1.5 grid pixels).
cv::Mat mask_in_frame(const cv::Mat& mask,
                      const cv::Matx23d& frame_to_crop,
                      int resolution,
                      const cv::Rect& roi,
                      bool parity_dfl = false);

// Bounding rectangle of values >= threshold; empty when there are none.
cv::Rect bounds_of(const cv::Mat& mask, float threshold);

}  // namespace diptych
