// From the options and a sample's number to ImageWarpSample, on host and device.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/image_warp/image_warp.h"
#include "kernels/image_warp/warp_random.h"

namespace diptych::warp {

constexpr double kFlatDeviation = 0.02;  // Lab units: below, a channel is only shifted

DIPTYCH_HOST_DEVICE void set_affine(const ImageWarpOptions& o, uint64_t k, ImageWarpSample& out) {
  Random random(o.seed, o.side, SamplePurpose::kGeometry, k);
  const Geometry g = draw_geometry(random, o.range);
  inverse_affine_of(g, o.resolution, out.inverse);
  out.last = g.flip ? static_cast<float>(o.resolution) - 1.0f : -1.0f;
}

DIPTYCH_HOST_DEVICE void set_grid_size(const ImageWarpOptions& o, int n, ImageWarpSample& out) {
  out.nodes = n;
  out.nodes_a_pixel = static_cast<float>(n - 1) / static_cast<float>(o.resolution);
}

DIPTYCH_HOST_DEVICE void set_grid(const ImageWarpOptions& o, uint64_t k, ImageWarpSample& out) {
  out.nodes = 0;
  if (!o.random_warp) return;
  Random random(o.seed, o.side, SamplePurpose::kWarp, k);
  const int cell = draw_cell(random, o.resolution), n = nodes_of(o.resolution, cell);
  for (int i = 0; i < n * n; ++i) out.dx[i] = out.dy[i] = 0;
  draw_nodes(random, cell, n, out.dx, out.dy);
  set_grid_size(o, n, out);
}

DIPTYCH_HOST_DEVICE void set_shift(const ImageWarpOptions& o, uint64_t k, ImageWarpSample& out) {
  out.shift = {};
  if (!(o.hsv_power > 0)) return;
  Random random(o.seed, o.side, SamplePurpose::kJitter, k);
  out.shift = draw_colour_shift(random, o.hsv_power);
}

// Lab value -> gain * value + offset per channel.
DIPTYCH_HOST_DEVICE void set_rct(const ColourStatistics& own,
                                 const ColourStatistics& reference,
                                 float* colour) {
  for (int c = 0; c < 3; ++c) {
    const double ratio = own.factor[c] < kFlatDeviation ? 1.0 : reference.factor[c] / own.factor[c];
    colour[c] = static_cast<float>(ratio);
    colour[3 + c] = static_cast<float>(reference.mean[c] - product(own.mean[c], ratio));
  }
}

// pixel -> matrix * pixel + offset, matrix = reference.factor * own.factor.
DIPTYCH_HOST_DEVICE void set_lct(const ColourStatistics& own,
                                 const ColourStatistics& reference,
                                 float* colour) {
  for (int i = 0; i < 3; ++i) {
    double moved = 0;
    for (int j = 0; j < 3; ++j) {
      double sum = 0;
      for (int k = 0; k < 3; ++k)
        sum += product(reference.factor[i * 3 + k], own.factor[k * 3 + j]);
      colour[i * 3 + j] = static_cast<float>(sum);
      moved += product(sum, own.mean[j]);
    }
    colour[9 + i] = static_cast<float>(reference.mean[i] - moved);
  }
}

DIPTYCH_HOST_DEVICE void set_colours(const ImageWarpOptions& o,
                                     const ImageWarpFaces& faces,
                                     const ImageWarpOrder& order,
                                     uint64_t k,
                                     ImageWarpSample& out) {
  const auto entry = static_cast<int>(k % static_cast<uint64_t>(order.period));
  out.face = order.face[entry];
  out.reference = -1;
  if (o.transfer != ColourTransfer::kNone) {
    out.reference = order.reference[entry];
    const ColourStatistics &own = faces.statistics[out.face],
                           &reference = faces.references[out.reference];
    if (o.transfer == ColourTransfer::kRct) set_rct(own, reference, out.colour);
    if (o.transfer == ColourTransfer::kLct) set_lct(own, reference, out.colour);
  }
  out.eyes_maximum = 0;
}

// All of it, in order: what one thread does.
DIPTYCH_HOST_DEVICE void set_sample(const ImageWarpOptions& o,
                                    const ImageWarpFaces& faces,
                                    const ImageWarpOrder& order,
                                    uint64_t k,
                                    ImageWarpSample& out) {
  set_affine(o, k, out);
  set_grid(o, k, out);
  set_shift(o, k, out);
  set_colours(o, faces, order, k, out);
}

}  // namespace diptych::warp
