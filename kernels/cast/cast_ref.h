// cast in plain code: f32 to bf16 by choosing the nearer neighbour, ties to the even one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>

namespace diptych {

// The bf16 value nearest to a finite x: 8 significand bits, exponents of f32.
inline double cast_ref_bf16(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent;
  std::frexp(x, &exponent);  // x = f * 2^exponent, f in [0.5, 1)
  const double unit = std::ldexp(1.0, std::max(exponent - 8, -133));  // spacing at x
  const double steps = x / unit, low = std::floor(steps);
  const double rest = steps - low;
  const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(low, 2.0) != 0);
  const double y = (low + (up ? 1 : 0)) * unit;
  const double largest = std::ldexp(255.0 / 128.0, 127);
  return std::abs(y) > largest ? std::copysign(std::numeric_limits<double>::infinity(), y) : y;
}

}  // namespace diptych
