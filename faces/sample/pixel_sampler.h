// Reads pictures at arbitrary positions: one interpolation for a whole chain of warps.
// SPDX-License-Identifier: MIT
//
// Exact positions in f32, where OpenCV rounds them to 1/32 pixel; about twice as fast as its remap
// for three f32 channels, because a pixel is one vector and the border is part of the picture.
#pragma once

#include <array>
#include <cstring>

#include <opencv2/core.hpp>

#include "kernels/image_warp/warp_position.h"

namespace diptych {

// A (w,w) picture of four floats per pixel (B, G, R, unused) with its border pixels repeated twice
// on each side.
struct PaddedPicture {
  static constexpr int kPad = 2;
  int w = 0;
  cv::Mat pixels;  // (w + 4, w + 4) CV_32FC4
};

// picture: (w,w) CV_32FC3.
PaddedPicture pad_picture(const cv::Mat& picture);

// One or two (w,w) CV_8UC1 masks side by side in a pixel, with a border of one zero.
struct PaddedMasks {
  int w = 0;
  cv::Mat pixels;  // (w + 2, w + 2) CV_8UC2
};

// second may be empty: its values are 0 then.
PaddedMasks pad_masks(const cv::Mat& first, const cv::Mat& second);

namespace pixel_sampler {

using Float4 __attribute__((vector_size(16))) = float;

using warp::kSteps;
using warp::split;

// Weights of the four taps at the fraction k / kSteps: cubic convolution with a = -0.75, the kernel
// of the original's INTER_CUBIC.
const std::array<Float4, kSteps + 1>& cubic_weights();

}  // namespace pixel_sampler

// out (w,w,3): position(x, y) gives the place in the source of every result pixel as cv::Point2f.
// Values are limited to [0,1].
template <class Position>
void sample_cubic(const PaddedPicture& picture, const Position& position, float* out) {
  using pixel_sampler::Float4;
  const auto& table = pixel_sampler::cubic_weights();
  const int w = picture.w;
  const auto* base = picture.pixels.ptr<float>();
  const ptrdiff_t stride = static_cast<ptrdiff_t>(picture.pixels.step1());
  for (int y = 0; y < w; ++y) {
    for (int x = 0; x < w; ++x, out += 3) {
      const cv::Point2f p = position(x, y);
      float fx, fy;
      const int i = pixel_sampler::split(p.x, w, fx), j = pixel_sampler::split(p.y, w, fy);
      const Float4 wx = table[static_cast<size_t>(warp::cubic_step(fx))];
      const Float4 wy = table[static_cast<size_t>(warp::cubic_step(fy))];
      // Taps start one pixel before (i, j), and the padding adds two.
      const float* tap = base + (j + 1) * stride + (i + 1) * 4;
      Float4 sum = {0, 0, 0, 0};
      for (int r = 0; r < 4; ++r, tap += stride) {
        Float4 t[4];
        std::memcpy(t, tap, sizeof t);
        sum += wy[r] * (wx[0] * t[0] + wx[1] * t[1] + wx[2] * t[2] + wx[3] * t[3]);
      }
      for (int c = 0; c < 3; ++c) {
        const float v = sum[c];
        out[c] = v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f;
      }
    }
  }
}

// first, second (w,w) in [0,1]; bilinear, 0 outside. second may be null.
template <class Position>
void sample_masks(const PaddedMasks& masks, const Position& position, float* first, float* second) {
  const int w = masks.w;
  const auto* base = masks.pixels.ptr<uint8_t>();
  const ptrdiff_t stride = static_cast<ptrdiff_t>(masks.pixels.step1());
  for (int y = 0; y < w; ++y) {
    for (int x = 0; x < w; ++x) {
      const cv::Point2f p = position(x, y);
      float fx, fy;
      const int i = pixel_sampler::split(p.x, w, fx), j = pixel_sampler::split(p.y, w, fy);
      const uint8_t* tap = base + (j + 1) * stride + (i + 1) * 2;
      uint32_t above, below;  // two pixels of two masks each
      std::memcpy(&above, tap, 4);
      std::memcpy(&below, tap + stride, 4);
      if (above == below && above >> 16 == (above & 0xffff)) {  // most of a mask is flat
        *first++ = static_cast<float>(tap[0]) * (1.0f / 255.0f);
        if (second) *second++ = static_cast<float>(tap[1]) * (1.0f / 255.0f);
        continue;
      }
      const auto blend = [&](int c) {
        const float upper = tap[c] + fx * (tap[c + 2] - tap[c]);
        const uint8_t* low = tap + stride;
        const float lower = low[c] + fx * (low[c + 2] - low[c]);
        return (upper + fy * (lower - upper)) * (1.0f / 255.0f);
      };
      *first++ = blend(0);
      if (second) *second++ = blend(1);
    }
  }
}

}  // namespace diptych
