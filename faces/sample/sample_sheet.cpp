// A picture of a batch for people to look at.
// SPDX-License-Identifier: MIT
#include "faces/sample/sample_sheet.h"

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"

namespace diptych {

namespace {

// Sample i of a plane with the given channels as 8-bit BGR.
cv::Mat tile(const std::vector<float>& plane, int i, int side, int channels) {
  const auto offset = static_cast<size_t>(i) * static_cast<size_t>(side * side * channels);
  DIPTYCH_CHECK(plane.size() >= offset + static_cast<size_t>(side * side * channels),
                "sample_sheet: a plane of ", plane.size(), " values ends before sample ", i, " of ",
                side, "x", side, "x", channels);
  const cv::Mat view(side, side, CV_32FC(channels), const_cast<float*>(plane.data() + offset));
  cv::Mat bytes;
  view.convertTo(bytes, CV_8U, 255);
  if (channels == 1) cv::cvtColor(bytes, bytes, cv::COLOR_GRAY2BGR);
  return bytes;
}

}  // namespace

cv::Mat sample_sheet(const SampleBatch& batch) {
  const int side = batch.resolution, columns = batch.eyes_mouth.empty() ? 3 : 4;
  DIPTYCH_CHECK(batch.n >= 1 && side >= 1, "sample_sheet: a batch of ", batch.n, " samples of ",
                side, " pixels");
  cv::Mat sheet(batch.n * side, columns * side, CV_8UC3);
  for (int i = 0; i < batch.n; ++i) {
    const auto place = [&](int column) {
      return sheet(cv::Rect(column * side, i * side, side, side));
    };
    tile(batch.target, i, side, 3).copyTo(place(0));
    tile(batch.warped, i, side, 3).copyTo(place(1));
    tile(batch.mask, i, side, 1).copyTo(place(2));
    if (columns == 4) tile(batch.eyes_mouth, i, side, 1).copyTo(place(3));
  }
  return sheet;
}

}  // namespace diptych
