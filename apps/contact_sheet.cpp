// Drawing of contact sheets.
// SPDX-License-Identifier: MIT
#include "apps/contact_sheet.h"

#include <algorithm>

#include <opencv2/imgproc.hpp>

#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kLabel = 14;
const cv::Scalar kPaper(40, 40, 40), kText(225, 225, 225), kTrashText(90, 90, 255);

void draw_cell(cv::Mat cell, const Face& face, int side) {
  cv::Mat picture;
  try {
    picture = decode_image(face.image, str("face ", face.id));
  } catch (const InputError&) {
    cv::line(cell, {0, 0}, {side - 1, side - 1}, kText);
    cv::line(cell, {side - 1, 0}, {0, side - 1}, kText);
  }
  if (!picture.empty()) {
    cv::Mat small;
    cv::resize(picture, small, {side, side}, 0, 0,
               picture.cols > side ? cv::INTER_AREA : cv::INTER_LINEAR);
    small.copyTo(cell({0, 0, side, side}));
  }
  cv::putText(cell, str(face.id, "  f", face.frame_index), {2, side + kLabel - 4},
              cv::FONT_HERSHEY_SIMPLEX, 0.33, face.state == FaceState::kTrash ? kTrashText : kText,
              1, cv::LINE_AA);
}

}  // namespace

cv::Mat contact_sheet(const Faceset& faces,
                      const std::vector<int64_t>& ids,
                      int columns,
                      int side) {
  DIPTYCH_CHECK(columns >= 1 && side >= 16, "contact_sheet: columns ", columns, ", side ", side);
  const int count = static_cast<int>(ids.size());
  const int across = std::clamp(count, 1, columns);
  const int down = std::max(1, (count + across - 1) / across);
  cv::Mat sheet(down * (side + kLabel), across * (side + 2), CV_8UC3, kPaper);
  for (int i = 0; i < count; ++i) {
    const cv::Rect cell(i % across * (side + 2), i / across * (side + kLabel), side, side + kLabel);
    draw_cell(sheet(cell), faces.load(ids[static_cast<size_t>(i)]), side);
  }
  return sheet;
}

std::vector<int64_t> spread(const std::vector<int64_t>& ids, size_t most) {
  if (ids.size() <= most) return ids;
  std::vector<int64_t> chosen;
  for (size_t i = 0; i < most; ++i) chosen.push_back(ids[i * ids.size() / most]);
  return chosen;
}

}  // namespace diptych
