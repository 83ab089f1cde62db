// Running error analysis of scalar f32 arithmetic (Wilkinson; Higham, Accuracy and Stability, 3.3):
// each number carries a bound on how far an f32 evaluation may be from it, and every operation adds
// its own rounding. A product and sum contracted to one rounding stays inside.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include "tests/parity/lanes.h"

namespace diptych::parity {

struct Running {
  double value = 0, error = 0;

  // What an operation makes of a result that its operands leave off by `error`. Subnormal results
  // are off by an absolute step, or flushed to zero.
  static Running rounded(double value, double error) {
    return {value, error + kUnit * (std::abs(value) + error) + 0x1p-126};
  }

  // A constant as f32 has it.
  static Running constant(double value) { return {value, kUnit * std::abs(value)}; }
};

inline Running operator+(const Running& a, const Running& b) {
  return Running::rounded(a.value + b.value, a.error + b.error);
}

inline Running operator-(const Running& a, const Running& b) {
  return Running::rounded(a.value - b.value, a.error + b.error);
}

inline Running operator*(const Running& a, const Running& b) {
  return Running::rounded(a.value * b.value, std::abs(a.value) * b.error +
                                                 std::abs(b.value) * a.error + a.error * b.error);
}

// n / (s + epsilon) with s >= 0, whatever the error of s: an engine's s is not negative either.
//   |n/(s + e) - n'/(s' + e)| <= (|n - n'| + |n/(s + e)| |s - s'|) / (s' + e)
inline Running over(const Running& n, const Running& s, double epsilon) {
  const double below = s.value + epsilon, quotient = n.value / below;
  const double below_error = s.error + kUnit * (below + s.error + epsilon);
  const double least = (std::max(0.0, s.value - s.error) + epsilon) * (1 - 2 * kUnit);
  return Running::rounded(quotient, (n.error + std::abs(quotient) * below_error) / least);
}

// The root grows steeper towards 0, where the error of a small argument is that of its root.
inline Running root(const Running& a) {
  const double value = std::sqrt(std::max(0.0, a.value));
  const double low = std::sqrt(std::max(0.0, a.value - a.error)),
               high = std::sqrt(std::max(0.0, a.value + a.error));
  return Running::rounded(value, std::max(value - low, high - value));
}

// One weight and its moments after an AdaBelief step (spec training.md 5.2).
struct RunningAdaBelief {
  Running w, m, v;
};

inline RunningAdaBelief adabelief(double rate, const Running& g, double w, double m, double v) {
  RunningAdaBelief next;
  next.m = Running::constant(0.9) * Running{m} + Running::constant(0.1) * g;
  const Running surprise = g - next.m;
  next.v = Running::constant(0.999) * Running{v} + Running::constant(0.001) * (surprise * surprise);
  next.w = Running{w} - over(Running::constant(rate) * next.m, root(next.v), 1e-6);
  return next;
}

}  // namespace diptych::parity
