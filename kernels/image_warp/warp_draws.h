// What is drawn for a sample, and in which order (spec samples.md 2, 3.4, 4). One text for the CPU
// sampler (faces/sample), the CPU path and the kernels. A Source gives uniform(), uniform(low,
// high), below(n) and normal().
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "kernels/image_warp/host_device.h"

namespace diptych::warp {

struct GeometryRange {
  double rotation_degrees = 10;                 // +-
  double scale_low = -0.15, scale_high = 0.15;  // s0, s1: scale in [1/(1 - s0), 1 + s1]
  double shift = 0.05;                          // +- fraction of w
  bool flip = false;                            // mirror with probability 0.4
};

struct Geometry {
  double rotation_degrees = 0;      // counter-clockwise
  double scale = 1;                 // > 1 enlarges
  double shift_x = 0, shift_y = 0;  // fraction of w
  bool flip = false;                // mirror columns after everything else
};

// Shifts in HSV: hue in degrees, saturation and value in [0,1] units.
struct ColourShift {
  float hue = 0, saturation = 0, value = 0;
};

template <class Source>
DIPTYCH_HOST_DEVICE Geometry draw_geometry(Source& random, const GeometryRange& range) {
  Geometry g;
  g.rotation_degrees = random.uniform(-range.rotation_degrees, range.rotation_degrees);
  g.scale = random.uniform(1 / (1 - range.scale_low), 1 + range.scale_high);
  g.shift_x = random.uniform(-range.shift, range.shift);
  g.shift_y = random.uniform(-range.shift, range.shift);
  g.flip = range.flip && random.below(10) < 4;
  return g;
}

// power in [0,1]: hue within +-180 power degrees, saturation and value within +-power/2.
template <class Source>
DIPTYCH_HOST_DEVICE ColourShift draw_colour_shift(Source& random, double power) {
  ColourShift shift;
  shift.hue = static_cast<float>(random.uniform(-180 * power, 180 * power));
  shift.saturation = static_cast<float>((random.uniform() - 0.5) * power);
  shift.value = static_cast<float>((random.uniform() - 0.5) * power);
  return shift;
}

// m (2,3), input -> output, without the flip: turns and scales about `centre` on both axes.
DIPTYCH_HOST_DEVICE void affine_of(const Geometry& g, int w, double centre, double (&m)[6]) {
  const double angle = g.rotation_degrees * 3.141592653589793 / 180;
  const double a = product(g.scale, std::cos(angle)), b = product(g.scale, std::sin(angle));
  const double slide = product(1 - a, centre), turn = product(b, centre);
  m[0] = a, m[1] = b, m[2] = slide - turn + product(g.shift_x, static_cast<double>(w));
  m[3] = -b, m[4] = a, m[5] = turn + slide + product(g.shift_y, static_cast<double>(w));
}

// Output -> input of the same map about the middle of the picture, rounded to f32.
DIPTYCH_HOST_DEVICE void inverse_affine_of(const Geometry& g, int w, float (&inverse)[6]) {
  double m[6];
  affine_of(g, w, 0.5 * (w - 1), m);
  const double det = product(m[0], m[4]) - product(m[1], m[3]);
  const double a = m[4] / det, b = -m[1] / det, c = -m[3] / det, d = m[0] / det;
  inverse[0] = static_cast<float>(a), inverse[1] = static_cast<float>(b);
  inverse[2] = static_cast<float>(-(product(a, m[2]) + product(b, m[5])));
  inverse[3] = static_cast<float>(c), inverse[4] = static_cast<float>(d);
  inverse[5] = static_cast<float>(-(product(c, m[2]) + product(d, m[5])));
}

constexpr double kNoiseCut = 2.5;   // deviations
constexpr double kStrength = 0.24;  // of a cell, per block of noise
constexpr int kMaxNodes = 12;       // a side: 23 pixels in cells of 2; 3, 5 or 9 for multiples of 8

DIPTYCH_HOST_DEVICE bool within_cut(double normal) {
  return std::fabs(normal) <= kNoiseCut;
}

// Normal within +-2.5 deviations, scaled to +-1.
template <class Source>
DIPTYCH_HOST_DEVICE double cut_normal(Source& random) {
  double value = random.normal();
  while (!within_cut(value)) value = random.normal();
  return value / kNoiseCut;
}

// Side of a cell, from the first word of the stream.
template <class Source>
DIPTYCH_HOST_DEVICE int draw_cell(Source& random, int w) {
  return w / (2 << random.below(3));
}

DIPTYCH_HOST_DEVICE int nodes_of(int w, int cell) {
  return w / cell + 1;
}

// Displacement in pixels of a node with noise in +-1. sqrt 2 keeps the strength of the original,
// which adds two blocks of noise to each axis.
DIPTYCH_HOST_DEVICE float node_shift(int cell, double noise) {
  return static_cast<float>(kStrength * 1.4142135623730951 * cell * noise);
}

// dx, dy (n,n): the inner nodes, row by row, first all of dx. Outer nodes are left alone: 0 before.
template <class Source>
DIPTYCH_HOST_DEVICE void draw_nodes(Source& random, int cell, int n, float* dx, float* dy) {
  for (int axis = 0; axis < 2; ++axis) {
    float* const nodes = axis ? dy : dx;
    for (int i = 1; i < n - 1; ++i)
      for (int j = 1; j < n - 1; ++j) nodes[i * n + j] = node_shift(cell, cut_normal(random));
  }
}

}  // namespace diptych::warp
