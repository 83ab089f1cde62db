// The line of positions that the amx variant lays an image batch on.
// SPDX-License-Identifier: MIT
//
// Position f = (n * rows + i) * pitch + j holds pixel (i, j) * stride + origin of image n, or zeros
// where there is none. Rows and images follow each other with just enough zeros between them that a
// filter tap is f + a constant for every output at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d/conv2d_amx_kernels.h"

namespace diptych::amx {

inline int ceil_div(int value, int by) {
  return (value + by - 1) / by;
}

// One dimension: `outputs` positions are computed, taps reach `extra` further; pixels 0..size-1
// exist and position 0 is pixel -pad (or up to stride-1 later, in another phase).
struct Extent {
  int outputs, extra, size, pad, stride;

  // Positions from one row (image) to the next. Zeros at the end can be those before the next
  // start.
  int pitch() const {
    const int total = outputs + extra;
    const int shared = std::min(pad / stride, total - ceil_div(size + pad, stride));
    return total - std::clamp(shared, 0, extra);
  }
};

struct Line {
  int pitch, rows;

  Line(const Extent& down, const Extent& across) : pitch(across.pitch()), rows(down.pitch()) {}

  int64_t positions(int images) const { return int64_t{images} * rows * pitch; }
};

// What lies on the line.
struct Source {
  const bf16* data;
  int n, h, w, channels;
  int stride, origin_h, origin_w;
};

// Offsets of the pixels of 32 consecutive positions, -1 where there is none.
struct Pixels {
  int64_t at[kTileDepth];

  Pixels(const Line& line, const Source& source, int64_t f) {
    int column = static_cast<int>(f % line.pitch),
        row = static_cast<int>(f / line.pitch % line.rows);
    int64_t image = f / line.pitch / line.rows;
    for (int64_t& pixel : at) {
      const int h = row * source.stride + source.origin_h,
                w = column * source.stride + source.origin_w;
      const bool inside = image < source.n && h >= 0 && h < source.h && w >= 0 && w < source.w;
      pixel = inside ? (image * source.h + h) * source.w + w : -1;
      if (++column == line.pitch) column = 0, ++row;
      if (row == line.rows) row = 0, ++image;
    }
  }
};

}  // namespace diptych::amx
