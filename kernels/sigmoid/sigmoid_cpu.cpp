// sigmoid on the CPU.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/common/view.h"

namespace diptych {

namespace {

// exp(t) for t <= 0, below -87 as if -87: 2^k exp(r), abs(r) <= ln(2)/2, exp(r) by its Taylor
// polynomial of degree 7 (relative error 6e-9). NaN gives NaN.
[[gnu::always_inline]] inline float exp_of_negative(float t) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  constexpr float kLog2e = 1.44269504f;
  constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // k * high is exact
  t = t < -87.0f ? -87.0f : t;
  const float shifted = t * kLog2e + kMagic;
  const float k = shifted - kMagic;
  const float r = (t - k * kLn2High) - k * kLn2Low;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // The low bits of `shifted` hold k; shifted into the exponent field they multiply by 2^k.
  const uint32_t exponent =
      (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kMagic)) + 127u;
  return p * std::bit_cast<float>(exponent << 23);
}

DIPTYCH_CPU_CLONES void sigmoid_row(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float e = exp_of_negative(-std::abs(x[i]));
    y[i] = (x[i] < 0.0f ? e : 1.0f) / (1.0f + e);
  }
}

DIPTYCH_CPU_CLONES void sigmoid_slope_row(const float* y, const float* dy, float* dx, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
}

}  // namespace

void sigmoid_cpu(View x, MutView y) {
  dispatch_float(x.dtype, [&]<class T>() {
    map_rows(x.shape.numel(), y.as<T>(), false, sigmoid_row, x.as<T>());
  });
}

void sigmoid_backward_cpu(View y, View dy, GradView dx) {
  dispatch_float(y.dtype, [&]<class T>() {
    map_rows(y.shape.numel(), dx.as<T>(), dx.accumulate(), sigmoid_slope_row, y.as<T>(),
             dy.as<T>());
  });
}

}  // namespace diptych
