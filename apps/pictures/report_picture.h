// The faceset report as one picture: verdict, counts, head poses, histograms, example faces.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>
#include <string>

#include <opencv2/core.hpp>

#include "faces/faceset/faceset.h"
#include "faces/report/faces_report.h"

namespace diptych {

// What one side's faces are drawn from.
struct ReportSide {
  const Faceset* faces = nullptr;  // null: there is no such side
  const SideMeasures* measures = nullptr;
};

// CV_8UC3, about 1600 pixels wide.
cv::Mat draw_faces_report(const FacesReport& report,
                          const std::array<ReportSide, 2>& sides,
                          const std::string& title);

}  // namespace diptych
