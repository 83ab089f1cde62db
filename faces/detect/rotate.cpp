// Quarter turns.
// SPDX-License-Identifier: MIT
#include "faces/detect/rotate.h"

#include <algorithm>

#include "kernels/common/check.h"

namespace diptych {

namespace {

cv::Point2d rotate_point(cv::Point2d p, int degrees, cv::Size size) {
  const double w = size.width - 1, h = size.height - 1;
  switch (degrees) {
    case 0:
      return p;
    case 90:
      return {h - p.y, p.x};
    case 180:
      return {w - p.x, h - p.y};
    case 270:
      return {p.y, w - p.x};
    default:
      throw Error(str("rotate: ", degrees, " degrees, expected 0, 90, 180 or 270"));
  }
}

cv::Size turned_size(cv::Size size, int degrees) {
  return degrees % 180 == 0 ? size : cv::Size(size.height, size.width);
}

template <class Map>
cv::Rect2d map_box(const cv::Rect2d& box, const Map& map) {
  const cv::Point2d a = map({box.x, box.y}), b = map({box.x + box.width, box.y + box.height});
  return {cv::Point2d(std::min(a.x, b.x), std::min(a.y, b.y)),
          cv::Point2d(std::max(a.x, b.x), std::max(a.y, b.y))};
}

}  // namespace

cv::Mat rotate_clockwise(const cv::Mat& picture, int degrees) {
  if (degrees == 0) return picture;
  DIPTYCH_CHECK(degrees == 90 || degrees == 180 || degrees == 270, "rotate: ", degrees,
                " degrees, expected 0, 90, 180 or 270");
  cv::Mat turned;
  cv::rotate(picture, turned,
             degrees == 90    ? cv::ROTATE_90_CLOCKWISE
             : degrees == 180 ? cv::ROTATE_180
                              : cv::ROTATE_90_COUNTERCLOCKWISE);
  return turned;
}

cv::Point2d rotate_back(cv::Point2d point, int degrees, cv::Size upright) {
  return rotate_point(point, (360 - degrees) % 360, turned_size(upright, degrees));
}

cv::Rect2d rotate_back(const cv::Rect2d& box, int degrees, cv::Size upright) {
  return map_box(box, [&](cv::Point2d p) { return rotate_back(p, degrees, upright); });
}

cv::Rect2d rotate_forward(const cv::Rect2d& box, int degrees, cv::Size upright) {
  return map_box(box, [&](cv::Point2d p) { return rotate_point(p, degrees, upright); });
}

}  // namespace diptych
