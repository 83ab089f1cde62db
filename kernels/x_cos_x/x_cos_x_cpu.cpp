// x_cos_x on the CPU.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/common/view.h"

namespace diptych {

namespace {

constexpr float kReach = 8192.0f;  // the three-part reduction is exact up to here

struct SinCos {
  float sine, cosine;
};

// For abs(x) <= kReach: x = k pi/2 + r, abs(r) <= pi/4, with pi/2 in three parts of which k times
// the first two is exact (13 + 11 bits); Taylor polynomials of degree 9 and 10 in r.
[[gnu::always_inline]] inline SinCos sin_cos(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  constexpr float kTwoOverPi = 0.636619772f;
  constexpr float kHigh = 0x1.92p+0f, kMiddle = 0x1.fb4p-12f, kLow = 0x1.4442d2p-24f;
  const float shifted = x * kTwoOverPi + kMagic;
  const float k = shifted - kMagic;
  const float r = ((x - k * kHigh) - k * kMiddle) - k * kLow;
  const float s = r * r;
  float odd = 1.0f / 362880;
  odd = odd * s - 1.0f / 5040;
  odd = odd * s + 1.0f / 120;
  odd = odd * s - 1.0f / 6;
  const float sine = r + r * (s * odd);
  float even = -1.0f / 3628800;
  even = even * s + 1.0f / 40320;
  even = even * s - 1.0f / 720;
  even = even * s + 1.0f / 24;
  even = even * s - 0.5f;
  const float cosine = 1.0f + s * even;
  // Quadrant: the two low bits of k, which stand at the low end of `shifted`.
  const uint32_t quadrant = std::bit_cast<uint32_t>(shifted);
  const bool swap = (quadrant & 1u) != 0;
  const float a = swap ? cosine : sine, b = swap ? sine : cosine;
  const uint32_t sine_sign = (quadrant & 2u) << 30, cosine_sign = ((quadrant + 1u) & 2u) << 30;
  return {std::bit_cast<float>(std::bit_cast<uint32_t>(a) ^ sine_sign),
          std::bit_cast<float>(std::bit_cast<uint32_t>(b) ^ cosine_sign)};
}

DIPTYCH_CPU_CLONES int32_t beyond_reach(const float* x, int64_t n) {
  int32_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += std::abs(x[i]) <= kReach ? 0 : 1;
  return count;
}

DIPTYCH_CPU_CLONES void forward_within(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * sin_cos(x[i]).cosine;
}

DIPTYCH_CPU_CLONES void backward_within(const float* x, const float* dy, float* dx, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const SinCos at = sin_cos(x[i]);
    dx[i] = dy[i] * (at.cosine - x[i] * at.sine);
  }
}

void forward_row(const float* x, float* y, int64_t n) {
  forward_within(x, y, n);
  if (beyond_reach(x, n) == 0) return;
  for (int64_t i = 0; i < n; ++i)
    if (!(std::abs(x[i]) <= kReach)) y[i] = x[i] * std::cos(x[i]);
}

void backward_row(const float* x, const float* dy, float* dx, int64_t n) {
  backward_within(x, dy, dx, n);
  if (beyond_reach(x, n) == 0) return;
  for (int64_t i = 0; i < n; ++i)
    if (!(std::abs(x[i]) <= kReach)) dx[i] = dy[i] * (std::cos(x[i]) - x[i] * std::sin(x[i]));
}

}  // namespace

void x_cos_x_cpu(View x, MutView y) {
  dispatch_float(x.dtype, [&]<class T>() {
    map_rows(x.shape.numel(), y.as<T>(), false, forward_row, x.as<T>());
  });
}

void x_cos_x_backward_cpu(View x, View dy, GradView dx) {
  dispatch_float(x.dtype, [&]<class T>() {
    map_rows(x.shape.numel(), dx.as<T>(), dx.accumulate(), backward_row, x.as<T>(), dy.as<T>());
  });
}

}  // namespace diptych
