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

// Colours plane by plane: the loops over them are vectors to the compiler.
using Colours = std::array<std::vector<float>, 3>;

Colours empty_colours(size_t count) {
  return {std::vector<float>(count), std::vector<float>(count), std::vector<float>(count)};
}

Colours pixels_of(const cv::Mat& picture) {
  Colours colours = empty_colours(picture.total());
  size_t i = 0;
  for (int y = 0; y < picture.rows; ++y) {
    const auto* row = picture.ptr<cv::Vec3f>(y);
    for (int x = 0; x < picture.cols; ++x, ++i) {
      for (size_t c = 0; c < 3; ++c) colours[c][i] = row[x][static_cast<int>(c)];
    }
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

// Share of the values at or below each bin's right edge; entry 0 is the left edge of the first.
std::vector<float> cumulative(const std::vector<float>& values, const Axis& axis, int bins) {
  std::vector<int> count(static_cast<size_t>(bins), 0);
  const float scale = 1 / axis.width;
  for (const float v : values) {
    const int bin = static_cast<int>((v - axis.low) * scale);
    ++count[static_cast<size_t>(std::clamp(bin, 0, bins - 1))];
  }
  std::vector<float> share(static_cast<size_t>(bins) + 1, 0);
  int64_t sum = 0;
  for (size_t i = 0; i < count.size(); ++i) {
    sum += count[i];
    share[i + 1] = static_cast<float>(sum) / static_cast<float>(values.size());
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

// Widens [low, high] to the values. Eight lanes: the compiler keeps them in vectors.
void widen(const std::vector<float>& values, float& low, float& high) {
  constexpr size_t kLanes = 8;
  std::array<float, kLanes> lows, highs;
  lows.fill(low);
  highs.fill(high);
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t k = 0; k < kLanes; ++k) {
      const float v = values[i + k];
      lows[k] = v < lows[k] ? v : lows[k];
      highs[k] = v > highs[k] ? v : highs[k];
    }
  }
  for (; i < values.size(); ++i) {
    lows[0] = std::min(lows[0], values[i]);
    highs[0] = std::max(highs[0], values[i]);
  }
  low = *std::min_element(lows.begin(), lows.end());
  high = *std::max_element(highs.begin(), highs.end());
}

Axis shared_axis(const std::vector<float>& target, const std::vector<float>& source, int bins) {
  float low = target[0], high = target[0];
  widen(target, low, high);
  widen(source, low, high);
  return {low, high, (high - low) / static_cast<float>(bins)};
}

// Replaces projected values by the way they have to go to the source's distribution.
void match_axis(std::vector<float>& target,
                const std::vector<float>& source,
                const IdtOptions& options) {
  const Axis axis = shared_axis(target, source, options.bins);
  if (!(axis.width > 0)) {  // both sets are one point on this axis
    std::fill(target.begin(), target.end(), 0.0f);
    return;
  }
  const size_t first = options.parity_dfl ? 1 : 0;
  const std::vector<float> place = matched_edges(
      cumulative(target, axis, options.bins), cumulative(source, axis, options.bins), axis, first);
  const float scale = 1 / axis.width;
  for (float& value : target) {
    const float position = (value - axis.low) * scale;
    if (position < static_cast<float>(first)) {
      value = -value;
      continue;
    }
    const auto edge = static_cast<size_t>(std::min(static_cast<int>(position), options.bins - 1));
    const float t = std::min(position - static_cast<float>(edge), 1.0f);
    value = place[edge] + t * (place[edge + 1] - place[edge]) - value;
  }
}

// out = matrix * in, or out += matrix * in.
void multiply(const cv::Matx33f& m, const Colours& in, bool add, Colours& out) {
  const size_t count = in[0].size();
  for (int c = 0; c < 3; ++c) {
    const float b = m(c, 0), g = m(c, 1), r = m(c, 2), keep = add ? 1.0f : 0.0f;
    float* result = out[static_cast<size_t>(c)].data();
    const float *x = in[0].data(), *y = in[1].data(), *z = in[2].data();
    for (size_t i = 0; i < count; ++i) {
      result[i] = keep * result[i] + (b * x[i] + g * y[i] + r * z[i]);
    }
  }
}

cv::Mat picture_of(const Colours& colours, cv::Size size) {
  cv::Mat picture(size, CV_32FC3);
  auto* pixel = picture.ptr<cv::Vec3f>();
  for (size_t i = 0; i < colours[0].size(); ++i) {
    pixel[i] = {colours[0][i], colours[1][i], colours[2][i]};
  }
  clip_unit(picture);
  return picture;
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
  Colours way = empty_colours(target.total()), projected = empty_colours(source.total());
  for (int i = 0; i < options.rotations; ++i) {
    Rng rng(seed, kIdtStream, static_cast<uint64_t>(i));
    const cv::Matx33f rotation = random_rotation(rng);
    multiply(rotation, colours, false, way);
    multiply(rotation, reference, false, projected);
    for (size_t c = 0; c < 3; ++c) match_axis(way[c], projected[c], options);
    multiply(rotation.t() * options.relaxation, way, true, colours);
  }
  return picture_of(colours, target.size());
}

}  // namespace diptych
