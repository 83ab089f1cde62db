// One-dimensional F(4,3) transforms on vectors of 16 channels. Include only in the AVX-512 sources
// of the winograd variant.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d_avx512.h"

DIPTYCH_AVX512_BEGIN

namespace diptych::winograd {

constexpr float kSqrt2 = 1.41421356237309505f;

// a + f * b
[[gnu::always_inline]] inline __m512 madd(__m512 a, float f, __m512 b) {
  return _mm512_fmadd_ps(_mm512_set1_ps(f), b, a);
}

[[gnu::always_inline]] inline __m512 times(float f, __m512 a) {
  return _mm512_mul_ps(_mm512_set1_ps(f), a);
}

// B^T d: six inputs to six.
[[gnu::always_inline]] inline void input_1d(const __m512 d[6], __m512 v[6]) {
  const __m512 even1 = madd(d[4], -2.0f, d[2]), even2 = madd(d[4], -0.5f, d[2]);
  const __m512 odd1 = madd(times(0.5f * kSqrt2, d[3]), -kSqrt2, d[1]);
  const __m512 odd2 = madd(times(kSqrt2, d[3]), -0.5f * kSqrt2, d[1]);
  v[0] = madd(_mm512_add_ps(d[0], d[4]), -2.5f, d[2]);
  v[1] = _mm512_add_ps(even1, odd1);
  v[2] = _mm512_sub_ps(even1, odd1);
  v[3] = _mm512_add_ps(even2, odd2);
  v[4] = _mm512_sub_ps(even2, odd2);
  v[5] = madd(_mm512_add_ps(d[1], d[5]), -2.5f, d[3]);
}

// G g: three taps to six.
[[gnu::always_inline]] inline void weight_1d(const __m512 g[3], __m512 u[6]) {
  const __m512 even1 = madd(times(-2.0f / 3, g[0]), -1.0f / 3, g[2]);
  const __m512 even2 = madd(times(1.0f / 6, g[0]), 1.0f / 3, g[2]);
  const __m512 odd1 = times(-kSqrt2 / 3, g[1]), odd2 = times(kSqrt2 / 6, g[1]);
  u[0] = g[0];
  u[1] = _mm512_add_ps(even1, odd1);
  u[2] = _mm512_sub_ps(even1, odd1);
  u[3] = _mm512_add_ps(even2, odd2);
  u[4] = _mm512_sub_ps(even2, odd2);
  u[5] = g[2];
}

// G^T m: six products to three taps.
[[gnu::always_inline]] inline void weight_gradient_1d(const __m512 m[6], __m512 g[3]) {
  const __m512 s1 = _mm512_add_ps(m[1], m[2]), s2 = _mm512_add_ps(m[3], m[4]);
  const __m512 d1 = _mm512_sub_ps(m[1], m[2]), d2 = _mm512_sub_ps(m[3], m[4]);
  g[0] = madd(madd(m[0], -2.0f / 3, s1), 1.0f / 6, s2);
  g[1] = madd(times(kSqrt2 / 6, d2), -kSqrt2 / 3, d1);
  g[2] = madd(m[5], 1.0f / 3, _mm512_sub_ps(s2, s1));
}

// A^T m: six products to four outputs.
[[gnu::always_inline]] inline void output_1d(const __m512 m[6], __m512 y[4]) {
  const __m512 s1 = _mm512_add_ps(m[1], m[2]), s2 = _mm512_add_ps(m[3], m[4]);
  const __m512 d1 = _mm512_sub_ps(m[1], m[2]), d2 = _mm512_sub_ps(m[3], m[4]);
  y[0] = _mm512_add_ps(m[0], _mm512_add_ps(s1, s2));
  y[1] = madd(times(0.5f * kSqrt2, d1), kSqrt2, d2);
  y[2] = madd(times(0.5f, s1), 2.0f, s2);
  y[3] = madd(madd(m[5], 0.25f * kSqrt2, d1), 2.0f * kSqrt2, d2);
}

// A dy: four output gradients to six.
[[gnu::always_inline]] inline void output_gradient_1d(const __m512 y[4], __m512 v[6]) {
  const __m512 even1 = madd(y[0], 0.5f, y[2]), even2 = madd(y[0], 2.0f, y[2]);
  const __m512 odd1 = madd(times(0.5f * kSqrt2, y[1]), 0.25f * kSqrt2, y[3]);
  const __m512 odd2 = madd(times(kSqrt2, y[1]), 2.0f * kSqrt2, y[3]);
  v[0] = y[0];
  v[1] = _mm512_add_ps(even1, odd1);
  v[2] = _mm512_sub_ps(even1, odd1);
  v[3] = _mm512_add_ps(even2, odd2);
  v[4] = _mm512_sub_ps(even2, odd2);
  v[5] = y[3];
}

// in[rows_in][columns_in] -> T in T^T, one dimension after the other; both dimensions alike.
template <auto one_d, int kIn, int kOut>
[[gnu::always_inline]] inline void transform_2d(const __m512 (&in)[kIn][kIn],
                                                __m512 (&out)[kOut][kOut]) {
  __m512 half[kIn][kOut];
  for (int i = 0; i < kIn; ++i) one_d(in[i], half[i]);
  for (int j = 0; j < kOut; ++j) {
    __m512 column[kIn], result[kOut];
    for (int i = 0; i < kIn; ++i) column[i] = half[i][j];
    one_d(column, result);
    for (int i = 0; i < kOut; ++i) out[i][j] = result[i];
  }
}

// G^T m G of one vector of channels; dw points at the tap (0,0), taps are c floats apart.
void weight_gradient_vector(
    const float* m, int64_t pitch, __mmask16 mask, bool accumulate, float* dw, int c);

}  // namespace diptych::winograd

DIPTYCH_AVX512_END
