// Panels of the faceset report's picture: histograms and pose grids.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/report/pose_coverage.h"

namespace diptych {

namespace report_colours {
// Blue and vermillion of the Okabe-Ito palette: distinct for colour-blind readers (BGR).
inline const cv::Scalar kSrc(178, 114, 0), kDst(0, 94, 213);
inline const cv::Scalar kPaper(255, 255, 255), kInk(50, 50, 50), kFaint(150, 150, 150),
    kGrid(225, 225, 225), kLack(60, 60, 220), kFine(110, 160, 30);
}  // namespace report_colours

struct Histogram {
  std::string title;  // what is shown, with its unit
  std::vector<double> src, dst;
  double low = 0, high = 1;  // of the axis; values beyond count in the end bins
  std::optional<std::pair<double, std::string>> mark;  // a limit and its name
};

// CV_8UC3: shares of the faces in percent, src and dst as filled steps.
cv::Mat draw_histogram(const Histogram& histogram, cv::Size size);

// CV_8UC3: the counts of a grid as numbers on tints of `colour`. The left of the panel is where
// faces look to the left of their picture.
cv::Mat draw_pose_grid(const PoseGrid& grid,
                       const std::string& title,
                       const cv::Scalar& colour,
                       int width);

// The same for what dst needs: green where src covers it, red where it does not; numbers are faces
// of dst that are not covered.
cv::Mat draw_pose_coverage(const PoseCoverage& poses, int width);

}  // namespace diptych
