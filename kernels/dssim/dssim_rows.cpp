// The vector loops of dssim.
// SPDX-License-Identifier: MIT
#include "kernels/dssim/dssim_rows.h"

#include <cstring>

#include "kernels/common/cpu_clones.h"

namespace diptych {

namespace {

constexpr int kLanes = 16;
using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;

constexpr float kC1 = 1e-4f, kC2 = 9e-4f;

}  // namespace

DIPTYCH_CPU_CLONES void dssim_moments_row(const float* x,
                                          const float* y,
                                          int64_t stride,
                                          const float* taps,
                                          int64_t count,
                                          float* const sums[4],
                                          int64_t n) {
  // Two groups of lanes at a time: one alone waits for its own sums. The last may overlap.
  int64_t i = 0;
  while (i < n && n >= 2 * kLanes) {
    const int64_t at = i < n - 2 * kLanes ? i : n - 2 * kLanes;
    Lanes a0{}, b0{}, product0{}, squares0{}, a1{}, b1{}, product1{}, squares1{};
    for (int64_t t = 0; t < count; ++t) {
      Lanes u0, v0, u1, v1;
      std::memcpy(&u0, x + at + t * stride, sizeof(Lanes));
      std::memcpy(&v0, y + at + t * stride, sizeof(Lanes));
      std::memcpy(&u1, x + at + kLanes + t * stride, sizeof(Lanes));
      std::memcpy(&v1, y + at + kLanes + t * stride, sizeof(Lanes));
      const Lanes wu0 = taps[t] * u0, wv0 = taps[t] * v0;
      const Lanes wu1 = taps[t] * u1, wv1 = taps[t] * v1;
      a0 += wu0;
      b0 += wv0;
      product0 += wu0 * v0;
      squares0 += wu0 * u0 + wv0 * v0;
      a1 += wu1;
      b1 += wv1;
      product1 += wu1 * v1;
      squares1 += wu1 * u1 + wv1 * v1;
    }
    const Lanes* const results[4][2] = {
        {&a0, &a1}, {&b0, &b1}, {&product0, &product1}, {&squares0, &squares1}};
    for (int k = 0; k < 4; ++k)
      for (int half = 0; half < 2; ++half)
        std::memcpy(sums[k] + at + half * kLanes, results[k][half], sizeof(Lanes));
    i = at + 2 * kLanes;
  }
  for (; i < n; ++i) {
    float a = 0, b = 0, product = 0, squares = 0;
    for (int64_t t = 0; t < count; ++t) {
      const float u = x[i + t * stride], v = y[i + t * stride];
      const float wu = taps[t] * u, wv = taps[t] * v;
      a += wu;
      b += wv;
      product += wu * v;
      squares += wu * u + wv * v;
    }
    sums[0][i] = a;
    sums[1][i] = b;
    sums[2][i] = product;
    sums[3][i] = squares;
  }
}

// Parameters, because only there __restrict saves the compiler its tests for overlap.
DIPTYCH_CPU_CLONES static void similarity(const float* __restrict as,
                                          const float* __restrict bs,
                                          const float* __restrict products,
                                          const float* __restrict squares,
                                          float* __restrict values,
                                          int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float a = as[i], b = bs[i], ab2 = 2.0f * a * b, aabb = a * a + b * b;
    const float l = (ab2 + kC1) / (aabb + kC1);
    const float cs = (2.0f * products[i] - ab2 + kC2) / (squares[i] - aabb + kC2);
    values[i] = l * cs;
  }
}

DIPTYCH_CPU_CLONES static void similarity_and_slopes(const float* __restrict as,
                                                     const float* __restrict bs,
                                                     const float* __restrict products,
                                                     const float* __restrict squares,
                                                     float* __restrict values,
                                                     float* __restrict db,
                                                     float* __restrict dproduct,
                                                     float* __restrict dsquares,
                                                     int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float a = as[i], b = bs[i], ab2 = 2.0f * a * b, aabb = a * a + b * b;
    const float l_below = 1.0f / (aabb + kC1), cs_below = 1.0f / (squares[i] - aabb + kC2);
    const float l = (ab2 + kC1) * l_below;
    const float cs = (2.0f * products[i] - ab2 + kC2) * cs_below;
    values[i] = l * cs;
    // d(l)/db = 2 (a - b l) / below;  d(cs)/db = 2 (b cs - a) / below
    db[i] = 2.0f * (cs * (a - b * l) * l_below + l * (b * cs - a) * cs_below);
    dproduct[i] = 2.0f * l * cs_below;
    dsquares[i] = -l * cs * cs_below;
  }
}

DIPTYCH_CPU_CLONES static void add_to_total(const float* __restrict values,
                                            double* __restrict total,
                                            int64_t n) {
  for (int64_t i = 0; i < n; ++i) total[i] += static_cast<double>(values[i]);
}

void dssim_similarity_row(
    const float* const moments[4], float* partial, float* values, double* total, int64_t n) {
  if (partial) {
    similarity_and_slopes(moments[0], moments[1], moments[2], moments[3], values, partial,
                          partial + n, partial + 2 * n, n);
  } else {
    similarity(moments[0], moments[1], moments[2], moments[3], values, n);
  }
  add_to_total(values, total, n);
}

DIPTYCH_CPU_CLONES void dssim_gradient_row(const float* const filtered[3],
                                           const float* factor,
                                           const float* x,
                                           const float* y,
                                           float* out,
                                           int64_t n) {
  const float *const s0 = filtered[0], *const s1 = filtered[1], *const s2 = filtered[2];
  for (int64_t i = 0; i < n; ++i) out[i] = factor[i] * (s0[i] + x[i] * s1[i] + 2.0f * y[i] * s2[i]);
}

}  // namespace diptych
