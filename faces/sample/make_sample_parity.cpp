// One sample from one prepared face, step by step as the original makes it.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include <opencv2/imgproc.hpp>

#include "faces/sample/make_sample.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kSmallestSide = 64;

cv::Mat at_side(const cv::Mat& image, int side, int interpolation) {
  if (image.cols == side) return image;
  cv::Mat result;
  cv::resize(image, result, {side, side}, 0, 0, interpolation);
  return result;
}

// Warp (when a grid is given), affine map and flip.
cv::Mat transform_parity(
    const cv::Mat& image, const SampleDraws& draws, bool warp, int interpolation, int border) {
  const int side = image.cols, w = std::max(side, kSmallestSide);
  cv::Mat result = at_side(image, w, interpolation);
  if (warp && draws.warp) {
    DIPTYCH_CHECK(draws.warp->w == w, "make_sample_parity: a warp for ", draws.warp->w,
                  " pixels, the picture has ", w);
    const WarpMaps maps = warp_maps_parity(*draws.warp);
    cv::Mat warped;
    cv::remap(result, warped, maps.x, maps.y, interpolation, cv::BORDER_CONSTANT);
    result = warped;
  }
  cv::Mat moved;
  cv::warpAffine(result, moved, affine_matrix(draws.geometry, w, true), {w, w}, interpolation,
                 border);
  moved = at_side(moved, side, interpolation);
  if (draws.geometry.flip) {
    cv::Mat mirrored;
    cv::flip(moved, mirrored, 1);
    moved = mirrored;
  }
  return moved;
}

void write(const cv::Mat& image, float* out) {
  const int row = image.cols * image.channels();
  for (int y = 0; y < image.rows; ++y) {
    const auto* in = image.ptr<float>(y);
    for (int i = 0; i < row; ++i) *out++ = std::clamp(in[i], 0.0f, 1.0f);
  }
}

}  // namespace

void make_sample_parity(const ParityFace& face,
                        const SampleDraws& draws,
                        const TransferColours& transfer,
                        const SampleOutput& out) {
  cv::Mat input = transfer ? transfer(face.picture, 0) : face.picture.clone();
  if (draws.shift) shift_colours(input, *draws.shift);
  write(transform_parity(input, draws, true, cv::INTER_CUBIC, cv::BORDER_REPLICATE), out.warped);

  const cv::Mat target = transfer ? transfer(face.picture, 1) : face.picture;
  write(transform_parity(target, draws, false, cv::INTER_CUBIC, cv::BORDER_REPLICATE), out.target);

  write(transform_parity(face.mask, draws, false, cv::INTER_LINEAR, cv::BORDER_CONSTANT), out.mask);
  if (!out.eyes_mouth) return;
  cv::Mat eyes =
      transform_parity(face.eyes_mouth, draws, false, cv::INTER_LINEAR, cv::BORDER_CONSTANT);
  double largest = 0;
  cv::minMaxLoc(eyes, nullptr, &largest);
  if (largest > 0) eyes /= largest;
  write(eyes, out.eyes_mouth);
}

}  // namespace diptych
