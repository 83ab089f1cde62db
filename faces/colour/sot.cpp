// sot: sliced optimal transport with a smoothed change.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "faces/colour/colour_detail.h"
#include "faces/colour/colour_transfer.h"
#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {

namespace {

constexpr uint32_t kSotStream = 0x5071;
constexpr double kRangeSigma = 5.0;  // of the original's bilateral filter

using Ranked = std::vector<uint64_t>;  // ordered key of the value above the pixel's index

// Floats as unsigned integers of the same order, and back.
uint32_t ordered_key(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

float value_of(uint64_t ranked) {
  const auto key = static_cast<uint32_t>(ranked >> 32);
  return std::bit_cast<float>(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

// Radix sort by the upper 32 bits, three digits of 11 bits; stable.
void sort_ranked(Ranked& values, Ranked& scratch) {
  constexpr int kDigits = 3, kBits = 11;
  constexpr uint64_t kMask = (1u << kBits) - 1;
  std::array<std::array<uint32_t, kMask + 1>, kDigits> start{};
  for (const uint64_t v : values) {
    for (int d = 0; d < kDigits; ++d) ++start[d][(v >> (32 + kBits * d)) & kMask];
  }
  scratch.resize(values.size());
  for (int d = 0; d < kDigits; ++d) {
    uint32_t sum = 0;
    for (uint32_t& count : start[d]) {
      const uint32_t here = count;
      count = sum;
      sum += here;
    }
    for (const uint64_t v : values) scratch[start[d][(v >> (32 + kBits * d)) & kMask]++] = v;
    values.swap(scratch);
  }
}

void rank(const cv::Mat& picture, const cv::Vec3f& direction, Ranked& out, Ranked& scratch) {
  out.resize(picture.total());
  const auto* pixel = picture.ptr<cv::Vec3f>();
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = (uint64_t{ordered_key(pixel[i].dot(direction))} << 32) | i;
  }
  sort_ranked(out, scratch);
}

cv::Vec3f random_direction(Rng& rng) {
  for (;;) {
    const cv::Vec3f v(rng.normal(), rng.normal(), rng.normal());
    const float length = std::sqrt(v.dot(v));
    if (length > 1e-6f) return v * (1 / length);
  }
}

// Transports `target` onto `source` (same size, both continuous).
cv::Mat transport(const cv::Mat& target,
                  const cv::Mat& source,
                  uint64_t seed,
                  const SotOptions& options) {
  cv::Mat moved = target.clone();
  std::vector<cv::Vec3f> advect(target.total());
  Ranked from, to, scratch;
  auto* pixel = moved.ptr<cv::Vec3f>();
  for (int step = 0; step < options.steps; ++step) {
    std::fill(advect.begin(), advect.end(), cv::Vec3f(0, 0, 0));
    Rng rng(seed, kSotStream, static_cast<uint64_t>(step));
    for (int b = 0; b < options.batch; ++b) {
      const cv::Vec3f direction = random_direction(rng);
      rank(moved, direction, from, scratch);
      rank(source, direction, to, scratch);
      for (size_t i = 0; i < from.size(); ++i) {
        const auto index = static_cast<uint32_t>(from[i]);
        advect[index] += (value_of(to[i]) - value_of(from[i])) * direction;
      }
    }
    const float share = 1.0f / static_cast<float>(options.batch);
    for (size_t i = 0; i < advect.size(); ++i) pixel[i] += advect[i] * share;
  }
  return moved;
}

cv::Mat resized(const cv::Mat& picture, cv::Size size) {
  if (picture.size() == size) return picture.isContinuous() ? picture : picture.clone();
  const bool shrinks = size.width < picture.cols || size.height < picture.rows;
  cv::Mat result;
  cv::resize(picture, result, size, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  return result;
}

cv::Size work_size(cv::Size size, int side) {
  const int longest = std::max(size.width, size.height);
  if (side <= 0 || longest <= side) return size;
  const double scale = static_cast<double>(side) / longest;
  return {std::max(1, static_cast<int>(std::lround(size.width * scale))),
          std::max(1, static_cast<int>(std::lround(size.height * scale)))};
}

// Gaussian of the radius that the original's filter has (1.5 sigma).
cv::Mat smoothed(const cv::Mat& change, double sigma) {
  if (!(sigma > 0)) return change;
  const int radius = std::max(1, static_cast<int>(std::lround(1.5 * sigma)));
  cv::Mat result;
  cv::GaussianBlur(change, result, {2 * radius + 1, 2 * radius + 1}, sigma, sigma,
                   cv::BORDER_REFLECT_101);
  return result;
}

}  // namespace

cv::Mat colour_sot(const cv::Mat& target,
                   const cv::Mat& source,
                   uint64_t seed,
                   const SotOptions& options) {
  check_colour_picture("colour_sot", "target", target);
  check_colour_picture("colour_sot", "source", source);
  DIPTYCH_CHECK(options.steps >= 0 && options.batch >= 1, "colour_sot: ", options.steps,
                " steps of ", options.batch, " directions; at least 0 and 1 are needed");
  DIPTYCH_CHECK(cv::checkRange(target) && cv::checkRange(source),
                "colour_sot: a picture holds a value that is not finite");
  const cv::Size size = work_size(target.size(), options.parity_dfl ? 0 : options.work_side);
  const cv::Mat from = resized(target, size);
  const cv::Mat moved = transport(from, resized(source, size), seed, options);
  cv::Mat change = moved - from;
  if (options.parity_dfl && options.sigma_space > 0) {
    cv::Mat filtered;
    cv::bilateralFilter(change, filtered, 0, kRangeSigma, options.sigma_space);
    change = filtered;
  } else {
    change = smoothed(change, options.sigma_space * size.width / target.cols);
    if (size != target.size()) cv::resize(change, change, target.size(), 0, 0, cv::INTER_LINEAR);
  }
  cv::Mat result = target + change;
  clip_unit(result);
  return result;
}

}  // namespace diptych
