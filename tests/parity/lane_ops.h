// The layers of a network in lanes. Each notes how to go back through itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include "tests/parity/lanes.h"

namespace diptych::parity {

// Weights carry no rounding: an engine and this reference start from the same f32 values.
struct LaneWeights {
  Shape shape;  // (K,R,S,C) or (out,in)
  std::vector<double> w, b;
  Map dw, db;  // filled on the way back
  std::function<void()> done = [] {};
};

using WeightsPtr = std::shared_ptr<LaneWeights>;

// What a test may break, to see it caught.
enum class Defect { kNone, kPadding, kBiasPixel, kBf16 };

struct LaneConv {
  int stride = 1, pad = 0;
  double slope = 1;
  bool depth_to_space = false;
  bool f32_out = false;  // heads, also in bf16
  Defect defect = Defect::kNone;
};

inline double rounded_to_bf16(double x) {
  int exponent;
  const double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

// residual may be null.
Value conv(LaneTape& tape,
           const Value& x,
           const WeightsPtr& weights,
           const Value& residual,
           const LaneConv& options);
Value dense(LaneTape& tape, const Value& x, const WeightsPtr& weights);
Value pixel_norm(LaneTape& tape, const Value& x);
Value sigmoid(LaneTape& tape, const Value& x);
Value reshape(LaneTape& tape, const Value& x, const Shape& shape);
Value concat_channels(LaneTape& tape, const Value& a, const Value& b);
Value concat_batch(LaneTape& tape, const Value& a, const Value& b);
Value slice_batch(LaneTape& tape, const Value& x, int64_t begin, int64_t end);

}  // namespace diptych::parity
