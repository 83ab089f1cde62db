// One pixel of every output, read tap by tap: what the CPU path and step 1 share.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/image_warp/warp_colour.h"
#include "kernels/image_warp/warp_position.h"

namespace diptych::warp {

struct Colour {
  float b, g, r;
};

// Cubic interpolation, borders replicated, limited to [0,1]. fetch(y, x) gives a Texel of the
// picture, 0 <= x, y < w.
template <class Fetch>
DIPTYCH_HOST_DEVICE Colour sample_cubic(const Fetch& fetch, int w, Position p) {
  float fx, fy;
  const int i = split(p.x, w, fx), j = split(p.y, w, fy);
  const CubicWeights wx = cubic_weights(fx), wy = cubic_weights(fy);
  float b = 0, g = 0, r = 0;
  for (int v = 0; v < 4; ++v) {
    const int row = limit(j + v - 1, 0, w - 1);
    float row_b = 0, row_g = 0, row_r = 0;
    for (int u = 0; u < 4; ++u) {
      const Texel t = fetch(row, limit(i + u - 1, 0, w - 1));
      row_b += wx.w[u] * t.b;
      row_g += wx.w[u] * t.g;
      row_r += wx.w[u] * t.r;
    }
    b += wy.w[v] * row_b;
    g += wy.w[v] * row_g;
    r += wy.w[v] * row_r;
  }
  return {unit(b), unit(g), unit(r)};
}

// Bilinear, 0 outside. fetch(y, x) gives 0..255; the result lies in [0,1].
template <class Fetch>
DIPTYCH_HOST_DEVICE float sample_linear(const Fetch& fetch, int w, Position p) {
  float fx, fy;
  const int i = split(p.x, w, fx), j = split(p.y, w, fy);
  const auto tap = [&](int row, int column) {
    const bool inside = row >= 0 && row < w && column >= 0 && column < w;
    return inside ? static_cast<float>(fetch(row, column)) : 0.0f;
  };
  const float upper = blend(tap(j, i), tap(j, i + 1), fx);
  const float lower = blend(tap(j + 1, i), tap(j + 1, i + 1), fx);
  return blend(upper, lower, fy) * (1.0f / 255);
}

DIPTYCH_HOST_DEVICE void store(float* out, const Colour& c) {
  out[0] = c.b;
  out[1] = c.g;
  out[2] = c.r;
}

}  // namespace diptych::warp
