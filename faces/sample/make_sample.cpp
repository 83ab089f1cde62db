// One sample from one prepared face: the default path.
// SPDX-License-Identifier: MIT
#include "faces/sample/make_sample.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/check.h"
#include "kernels/image_warp/warp_position.h"

namespace diptych {

namespace {

constexpr int kParitySide = 64;  // the original warps smaller pictures at this size

// Pixel of the result -> place before the affine map.
struct InverseAffine {
  float inverse[6];
  float last;  // of a mirrored row, or negative

  InverseAffine(const Geometry& geometry, int w) : last(geometry.flip ? w - 1.0f : -1.0f) {
    warp::inverse_affine_of(geometry, w, inverse);
    for (const float value : inverse)
      DIPTYCH_CHECK(std::isfinite(value), "make_sample: the affine map of scale ", geometry.scale,
                    " has no inverse");
  }

  cv::Point2f operator()(int column, int row) const {
    const warp::Position p = warp::affine_position(inverse, last, column, row);
    return {p.x, p.y};
  }
};

// The same followed by the grid warp.
struct InverseAffineAndWarp {
  InverseAffine affine;
  const WarpGrid& grid;

  cv::Point2f operator()(int column, int row) const {
    const cv::Point2f p = affine(column, row);
    return warp_position(grid, p.x, p.y);
  }
};

void divide_by_maximum(float* values, int count) {
  const float largest = *std::max_element(values, values + count);
  if (!(largest > 0)) return;
  for (int i = 0; i < count; ++i) values[i] /= largest;
}

}  // namespace

SampleDraws draw_sample(const SampleOptions& options, uint64_t seed, int side, uint64_t sample) {
  SampleDraws draws;
  SampleRandom geometry(seed, side, SamplePurpose::kGeometry, sample);
  draws.geometry = draw_geometry(geometry, {.rotation_degrees = options.rotation_degrees,
                                            .scale_low = options.scale_low,
                                            .scale_high = options.scale_high,
                                            .shift = options.shift,
                                            .flip = options.random_flip});
  if (options.random_warp) {
    const int w =
        options.parity_dfl ? std::max(options.resolution, kParitySide) : options.resolution;
    SampleRandom warp(seed, side, SamplePurpose::kWarp, sample);
    draws.warp = draw_warp_grid(warp, w, options.parity_dfl);
  }
  if (options.hsv_power > 0) {
    SampleRandom jitter(seed, side, SamplePurpose::kJitter, sample);
    draws.shift = draw_colour_shift(jitter, options.hsv_power, options.parity_dfl);
  }
  return draws;
}

void make_sample(const PreparedFace& face,
                 const SampleDraws& draws,
                 const TransferColours& transfer,
                 const SampleOutput& out) {
  cv::Mat picture;
  face.picture.convertTo(picture, CV_32FC3, 1.0 / 255);
  if (transfer) picture = transfer(picture, 0);
  const int w = picture.cols;
  const InverseAffine affine(draws.geometry, w);
  const PaddedPicture padded = pad_picture(picture);
  sample_cubic(padded, affine, out.target);

  PaddedPicture input = padded;
  if (draws.shift) {
    shift_colours(picture, *draws.shift);
    input = pad_picture(picture);
  }
  if (draws.warp) {
    sample_cubic(input, InverseAffineAndWarp{affine, *draws.warp}, out.warped);
  } else if (draws.shift) {
    sample_cubic(input, affine, out.warped);
  } else {
    std::copy_n(out.target, w * w * 3, out.warped);
  }

  sample_masks(face.masks, affine, out.mask, out.eyes_mouth);
  if (out.eyes_mouth) divide_by_maximum(out.eyes_mouth, w * w);
}

}  // namespace diptych
