// idt: iterative distribution transfer along random axes.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "faces/colour/colour_detail.h"
#include "faces/colour/colour_transfer.h"
#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {

namespace {

constexpr uint32_t kIdtStream = 0x1d70;

using Colours = std::vector<cv::Vec3f>;

Colours pixels_of(const cv::Mat& picture) {
  Colours colours;
  colours.reserve(picture.total());
  for (int y = 0; y < picture.rows; ++y) {
    const auto* row = picture.ptr<cv::Vec3f>(y);
    colours.insert(colours.end(), row, row + picture.cols);
  }
  return colours;
}

// Uniform in SO(3): a unit quaternion of normals (Shoemake, 1992).
cv::Matx33f random_rotation(Rng& rng) {
  float w = rng.normal(), x = rng.normal(), y = rng.normal(), z = rng.normal();
  const float length = std::sqrt(w * w + x * x + y * y + z * z);
  if (!(length > 0)) return cv::Matx33f::eye();
  w /= length, x /= length, y /= length, z /= length;
  return {1 - 2 * (y * y + z * z), 2 * (x * y - z * w),     2 * (x * z + y * w),
          2 * (x * y + z * w),     1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
          2 * (x * z - y * w),     2 * (y * z + x * w),     1 - 2 * (x * x + y * y)};
}

// Range [low, high] shared by both sets on one axis, with the width of a bin.
struct Axis {
  float low, high, width;
};

// Share of the colours at or below each bin's right edge; entry 0 is the left edge of the first.
std::vector<float> cumulative(const Colours& projected, int c, const Axis& axis, int bins) {
  std::vector<int> count(static_cast<size_t>(bins), 0);
  const float scale = 1 / axis.width;
  for (const cv::Vec3f& p : projected) {
    const int bin = static_cast<int>((p[c] - axis.low) * scale);
    ++count[static_cast<size_t>(std::clamp(bin, 0, bins - 1))];
  }
  std::vector<float> share(static_cast<size_t>(bins) + 1, 0);
  int64_t sum = 0;
  for (size_t i = 0; i < count.size(); ++i) {
    sum += count[i];
    share[i + 1] = static_cast<float>(sum) / static_cast<float>(projected.size());
  }
  return share;
}

// For every edge of the target its place in the source: edges interpolated over the source's
// shares. first: 1 leaves out the left edge, as the original does.
std::vector<float> matched_edges(const std::vector<float>& target,
                                 const std::vector<float>& source,
                                 const Axis& axis,
                                 size_t first) {
  std::vector<float> place(target.size(), axis.low);
  const auto edge = [&](size_t i) { return axis.low + axis.width * static_cast<float>(i); };
  for (size_t i = first; i < target.size(); ++i) {
    const auto begin = source.begin() + static_cast<int64_t>(first);
    const auto above =
        static_cast<size_t>(std::upper_bound(begin, source.end(), target[i]) - source.begin());
    if (above == first) {
      place[i] = edge(first);
    } else if (above == source.size()) {
      place[i] = edge(above - 1);
    } else {
      const float t = (target[i] - source[above - 1]) / (source[above] - source[above - 1]);
      place[i] = edge(above - 1) + t * axis.width;
    }
  }
  return place;
}

// Moves the projected colours of one axis onto the source's distribution: returns the change.
void match_axis(const Colours& target,
                const Colours& source,
                int c,
                const IdtOptions& options,
                Colours& change) {
  Axis axis{target[0][c], target[0][c], 0};
  for (const Colours* set : {&target, &source}) {
    for (const cv::Vec3f& p : *set) {
      axis.low = std::min(axis.low, p[c]);
      axis.high = std::max(axis.high, p[c]);
    }
  }
  axis.width = (axis.high - axis.low) / static_cast<float>(options.bins);
  if (!(axis.width > 0)) {  // both sets are one point on this axis
    for (cv::Vec3f& d : change) d[c] = 0;
    return;
  }
  const size_t first = options.parity_dfl ? 1 : 0;
  const std::vector<float> place =
      matched_edges(cumulative(target, c, axis, options.bins),
                    cumulative(source, c, axis, options.bins), axis, first);
  const float scale = 1 / axis.width;
  for (size_t i = 0; i < target.size(); ++i) {
    const float position = (target[i][c] - axis.low) * scale;
    if (position < static_cast<float>(first)) {
      change[i][c] = -target[i][c];
      continue;
    }
    const int edge = std::min(static_cast<int>(position), options.bins - 1);
    const auto at = static_cast<size_t>(std::max(edge, 0));
    const float t = std::clamp(position - static_cast<float>(at), 0.0f, 1.0f);
    change[i][c] = place[at] + t * (place[at + 1] - place[at]) - target[i][c];
  }
}

void project(const Colours& colours, const cv::Matx33f& rotation, Colours& out) {
  for (size_t i = 0; i < colours.size(); ++i) out[i] = rotation * colours[i];
}

}  // namespace

cv::Mat colour_idt(const cv::Mat& target,
                   const cv::Mat& source,
                   uint64_t seed,
                   const IdtOptions& options) {
  check_colour_picture("colour_idt", "target", target);
  check_colour_picture("colour_idt", "source", source);
  DIPTYCH_CHECK(options.bins >= 2 && options.rotations >= 0, "colour_idt: ", options.bins,
                " bins and ", options.rotations, " rotations; at least 2 and 0 are needed");
  DIPTYCH_CHECK(cv::checkRange(target) && cv::checkRange(source),
                "colour_idt: a picture holds a value that is not finite");
  Colours colours = pixels_of(target);
  const Colours reference = pixels_of(source);
  Colours projected(colours.size()), projected_reference(reference.size()), change(colours.size());
  for (int i = 0; i < options.rotations; ++i) {
    Rng rng(seed, kIdtStream, static_cast<uint64_t>(i));
    const cv::Matx33f rotation = random_rotation(rng);
    project(colours, rotation, projected);
    project(reference, rotation, projected_reference);
    for (int c = 0; c < 3; ++c) match_axis(projected, projected_reference, c, options, change);
    const cv::Matx33f back = rotation.t() * options.relaxation;
    for (size_t p = 0; p < colours.size(); ++p) colours[p] += back * change[p];
  }
  cv::Mat result = cv::Mat(target.rows, target.cols, CV_32FC3, colours.data()).clone();
  clip_unit(result);
  return result;
}

}  // namespace diptych
