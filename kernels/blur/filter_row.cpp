// The inner loop of separable filters on NHWC rows.
// SPDX-License-Identifier: MIT
#include "kernels/blur/filter_row.h"

#include <cstring>

#include "kernels/common/cpu_clones.h"

namespace diptych {

namespace {

constexpr int kLanes = 16;
using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;

}  // namespace

// The sums of 64, then 16 outputs stay in registers over all taps.
DIPTYCH_CPU_CLONES void filter_row(
    const float* x, int64_t stride, const float* taps, int64_t count, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    Lanes sum0{}, sum1{}, sum2{}, sum3{};
    for (int64_t t = 0; t < count; ++t) {
      Lanes in0, in1, in2, in3;
      const float* const from = x + i + t * stride;
      std::memcpy(&in0, from, sizeof(Lanes));
      std::memcpy(&in1, from + kLanes, sizeof(Lanes));
      std::memcpy(&in2, from + 2 * kLanes, sizeof(Lanes));
      std::memcpy(&in3, from + 3 * kLanes, sizeof(Lanes));
      sum0 += taps[t] * in0;
      sum1 += taps[t] * in1;
      sum2 += taps[t] * in2;
      sum3 += taps[t] * in3;
    }
    std::memcpy(out + i, &sum0, sizeof(Lanes));
    std::memcpy(out + i + kLanes, &sum1, sizeof(Lanes));
    std::memcpy(out + i + 2 * kLanes, &sum2, sizeof(Lanes));
    std::memcpy(out + i + 3 * kLanes, &sum3, sizeof(Lanes));
  }
  while (i < n && n >= kLanes) {  // the last group may overlap the one before
    const int64_t at = i < n - kLanes ? i : n - kLanes;
    Lanes sum{};
    for (int64_t t = 0; t < count; ++t) {
      Lanes in;
      std::memcpy(&in, x + at + t * stride, sizeof(Lanes));
      sum += taps[t] * in;
    }
    std::memcpy(out + at, &sum, sizeof(Lanes));
    i = at + kLanes;
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (int64_t t = 0; t < count; ++t) sum += taps[t] * x[i + t * stride];
    out[i] = sum;
  }
}

}  // namespace diptych
