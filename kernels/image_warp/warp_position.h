// Where a pixel of the result comes from: affine map, then grid warp; and the weights there. f32 in
// a fixed order, so host and device give the same bits.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/image_warp/host_device.h"

namespace diptych::warp {

// x right, y down, pixel centres at integers.
struct Position {
  float x, y;
};

// inverse (2,3): pixel -> place before the affine map. last: w - 1 of a mirrored row, or negative.
DIPTYCH_HOST_DEVICE Position affine_position(const float* inverse,
                                             float last,
                                             int column,
                                             int row) {
  const float x = last < 0 ? static_cast<float>(column) : last - static_cast<float>(column);
  const float y = static_cast<float>(row);
  return {product(inverse[0], x) + product(inverse[1], y) + inverse[2],
          product(inverse[3], x) + product(inverse[4], y) + inverse[5]};
}

// The cell of a grid of n nodes a side that (x, y) lies in, and the place in it.
struct GridCell {
  int node;    // of its upper left corner: i * n + j
  float s, t;  // along x, along y
};

// per_pixel = (n - 1) / w. Outer nodes lie on the border of the picture, -0.5 and w - 0.5.
DIPTYCH_HOST_DEVICE GridCell grid_cell(int n, float per_pixel, Position p) {
  const float last = static_cast<float>(n - 1);
  const float u = limit(product(p.x + 0.5f, per_pixel), 0.0f, last);
  const float v = limit(product(p.y + 0.5f, per_pixel), 0.0f, last);
  const int j = limit(static_cast<int>(u), 0, n - 2), i = limit(static_cast<int>(v), 0, n - 2);
  return {i * n + j, u - static_cast<float>(j), v - static_cast<float>(i)};
}

DIPTYCH_HOST_DEVICE float blend(float a, float b, float share) {
  return a + product(share, b - a);
}

// The displacement of one axis in a cell: its nodes (n,n), interpolated.
DIPTYCH_HOST_DEVICE float grid_shift(const float* nodes, int n, const GridCell& cell) {
  const float* const top = nodes + cell.node;
  const float* const bottom = top + n;
  return blend(blend(top[0], top[1], cell.s), blend(bottom[0], bottom[1], cell.s), cell.t);
}

DIPTYCH_HOST_DEVICE Position
warped_position(const float* dx, const float* dy, int n, float per_pixel, Position p) {
  const GridCell cell = grid_cell(n, per_pixel, p);
  return {p.x + grid_shift(dx, n, cell), p.y + grid_shift(dy, n, cell)};
}

// Splits a position on an axis of w pixels into its pixel and fraction: p clamped to [-1, w], where
// repeated borders have no further influence. Returns the pixel, in [-1, w - 1].
DIPTYCH_HOST_DEVICE int split(float p, int w, float& fraction) {
  p = p > -1.0f ? p : -1.0f;  // also for NaN
  p = p < static_cast<float>(w) ? p : static_cast<float>(w);
  int i = static_cast<int>(p + 1.0f) - 1;
  if (i > w - 1) i = w - 1;
  fraction = p - static_cast<float>(i);
  return i;
}

constexpr int kSteps = 1024;  // of a fraction of a pixel, in cubic interpolation

// The step of a fraction in [0,1]: 0..kSteps.
DIPTYCH_HOST_DEVICE int cubic_step(float fraction) {
  return static_cast<int>(fraction * kSteps + 0.5f);
}

// Weights of the four taps at pixels -1, 0, 1, 2: cubic convolution with a = -0.75.
struct CubicWeights {
  float w[4];
};

DIPTYCH_HOST_DEVICE CubicWeights cubic_weights(float fraction) {
  const float f = static_cast<float>(cubic_step(fraction)) * (1.0f / kSteps), g = 1.0f - f;
  return {{-0.75f * (f * g) * g, (1.25f * f - 2.25f) * (f * f) + 1.0f,
           (1.25f * g - 2.25f) * (g * g) + 1.0f, -0.75f * (f * g) * f}};
}

}  // namespace diptych::warp
