// pixel_norm on the CPU.
// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/pixel_norm/pixel_norm.h"
#include "kernels/reduce/reduce_rows.h"

namespace diptych {

namespace {

DIPTYCH_CPU_CLONES void scale_row(const float* x, float factor, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}

// y = a x + b z
DIPTYCH_CPU_CLONES void combine_row(
    const float* x, float a, const float* z, float b, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a * x[i] + b * z[i];
}

// Sum of products over one sample, chunk by chunk in order.
template <class T>
double dot(const T* x, const T* y, int64_t n) {
  alignas(64) float first[kRowChunk], second[kRowChunk];
  double sum = 0;
  for (int64_t i = 0; i < n; i += kRowChunk) {
    const int64_t count = std::min(kRowChunk, n - i);
    sum += dot_row(load_row(x + i, first, count), load_row(y + i, second, count), count);
  }
  return sum;
}

}  // namespace

void pixel_norm_cpu(View x, MutView y, MutView inverse_norm) {
  const int64_t samples = x.shape[0], length = samples == 0 ? 0 : x.shape.numel() / samples;
  float* const inverse = inverse_norm.as<float>();
  dispatch_float(x.dtype, [&]<class T>() {
    const T* const from = x.as<T>();
    T* const to = y.as<T>();
    parallel_for(
        samples, std::max<int64_t>(1, kRowGrain / (length + 1)), [&](int64_t begin, int64_t end) {
          for (int64_t s = begin; s < end; ++s) {
            const T* const row = from + s * length;
            const double mean = dot(row, row, length) / static_cast<double>(length);
            inverse[s] = static_cast<float>(1 / std::sqrt(mean + kPixelNormEpsilon));
            const float factor = inverse[s];
            map_rows(
                length, to + s * length, false,
                [&](const float* in, float* out, int64_t n) { scale_row(in, factor, out, n); },
                row);
          }
        });
  });
}

void pixel_norm_backward_cpu(View x, View inverse_norm, View dy, GradView dx) {
  const int64_t samples = x.shape[0], length = samples == 0 ? 0 : x.shape.numel() / samples;
  const float* const inverse = inverse_norm.as<float>();
  dispatch_float(x.dtype, [&]<class T>() {
    const T *const from = x.as<T>(), *const upstream = dy.as<T>();
    T* const to = dx.as<T>();
    parallel_for(
        samples, std::max<int64_t>(1, kRowGrain / (length + 1)), [&](int64_t begin, int64_t end) {
          for (int64_t s = begin; s < end; ++s) {
            const T *const row = from + s * length, *const up = upstream + s * length;
            const double r = inverse[s];
            const double mean = dot(up, row, length) / static_cast<double>(length);
            const auto a = static_cast<float>(r), b = static_cast<float>(-r * r * r * mean);
            map_rows(
                length, to + s * length, dx.accumulate(),
                [&](const float* g, const float* in, float* out, int64_t n) {
                  combine_row(g, a, in, b, out, n);
                },
                up, row);
          }
        });
  });
}

}  // namespace diptych
