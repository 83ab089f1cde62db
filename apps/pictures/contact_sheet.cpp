// Drawing of contact sheets.
// SPDX-License-Identifier: MIT
#include "apps/pictures/contact_sheet.h"

#include <algorithm>

#include <opencv2/imgproc.hpp>

#include "apps/pictures/canvas.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kLine = 15, kGap = 4, kTitle = 30;
const cv::Scalar kPaper(40, 40, 40), kText(225, 225, 225), kTrashText(110, 110, 255);

std::vector<std::string> id_and_frame(const Face& face, int side) {
  const std::string wide = str("id ", face.id, "  frame ", face.frame_index);
  if (text_width(wide, TextSize::kSmall) <= side) return {wide};
  return {str(face.id, "  f", face.frame_index)};
}

void draw_cell(cv::Mat cell, const Face& face, const SheetStyle& style, size_t i) {
  const int side = style.side;
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
  const cv::Scalar& colour = face.state == FaceState::kTrash ? kTrashText : kText;
  int y = side;
  for (const std::string& line : style.caption(face, i)) {
    y += kLine;
    draw_text(cell, fit_text(line, side - 2, TextSize::kSmall), {1, y - 3}, colour,
              TextSize::kSmall);
  }
}

// A record that cannot be read still has its cell.
Face load_or_id(const Faceset& faces, int64_t id) {
  try {
    return faces.load(id);
  } catch (const InputError&) {
    Face face;
    face.id = id;
    return face;
  }
}

// Faces of a folder of pictures are known by their files' names, those of a video by the frame.
void caption_by_source(SheetStyle& style, const Faceset& faces, const std::vector<int64_t>& ids) {
  const int side = style.side;
  const bool folder = ids.size() > 1 && load_or_id(faces, ids.front()).source_name !=
                                            load_or_id(faces, ids.back()).source_name;
  if (!folder) {
    style.caption = [side](const Face& face, size_t) { return id_and_frame(face, side); };
    return;
  }
  style.lines = 2;
  style.caption = [](const Face& face, size_t) -> std::vector<std::string> {
    return {str("id ", face.id), face.source_name};
  };
}

}  // namespace

cv::Mat contact_sheet(const Faceset& faces, const std::vector<int64_t>& ids, SheetStyle style) {
  DIPTYCH_CHECK(style.columns >= 1 && style.side >= 16 && style.lines >= 0,
                "contact_sheet: columns ", style.columns, ", side ", style.side, ", lines ",
                style.lines);
  if (!style.caption) caption_by_source(style, faces, ids);
  const int count = static_cast<int>(ids.size());
  const int across = std::clamp(count, 1, style.columns);
  const int down = std::max(1, (count + across - 1) / across);
  const int width = style.side + kGap, height = style.side + style.lines * kLine + kGap;
  const int top = style.title.empty() ? 0 : kTitle;
  const int title_width = top > 0 ? text_width(style.title, TextSize::kNormal) + 16 : 0;
  cv::Mat sheet(top + down * height, std::max(across * width, title_width), CV_8UC3, kPaper);
  if (top > 0) draw_text(sheet, style.title, {6, 20}, kText);
  for (int i = 0; i < count; ++i) {
    const cv::Rect cell(i % across * width, top + i / across * height, style.side, height);
    const auto at = static_cast<size_t>(i);
    draw_cell(sheet(cell), load_or_id(faces, ids[at]), style, at);
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
