// cast on the CPU, and the row conversions other ops use.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cstring>
#include <type_traits>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/common/view.h"

namespace diptych {

namespace {

DIPTYCH_CPU_CLONES void widen_row(const bf16* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = std::bit_cast<float>(uint32_t{x[i].bits} << 16);
}

// bf16(float) without a branch, so that it vectorises.
inline uint16_t narrow(float value) {
  const auto u = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const uint32_t quiet = (u >> 16) | 0x40u;
  return static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

DIPTYCH_CPU_CLONES void narrow_row(const float* x, bf16* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i].bits = narrow(x[i]);
}

DIPTYCH_CPU_CLONES void add_narrow_row(const float* x, bf16* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    y[i].bits = narrow(std::bit_cast<float>(uint32_t{y[i].bits} << 16) + x[i]);
}

DIPTYCH_CPU_CLONES void add_row(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace

const float* load_row(const bf16* x, float* buffer, int64_t n) {
  widen_row(x, buffer, n);
  return buffer;
}

void store_row(const float* values, float* y, int64_t n, bool accumulate) {
  if (accumulate) {
    add_row(values, y, n);
  } else {
    std::memcpy(y, values, static_cast<size_t>(n) * sizeof(float));
  }
}

void store_row(const float* values, bf16* y, int64_t n, bool accumulate) {
  if (accumulate) {
    add_narrow_row(values, y, n);
  } else {
    narrow_row(values, y, n);
  }
}

void cast_cpu(View x, GradView y) {
  const int64_t n = x.shape.numel();
  const auto convert = [&]<class X, class Y>(const X* from, Y* to) {
    parallel_for(n, kRowGrain, [&](int64_t begin, int64_t end) {
      if (std::is_same_v<X, Y> && !y.accumulate()) {
        std::memcpy(static_cast<void*>(to + begin), from + begin,
                    static_cast<size_t>(end - begin) * sizeof(X));
        return;
      }
      alignas(64) float buffer[kRowChunk];
      for (int64_t i = begin; i < end; i += kRowChunk) {
        const int64_t count = std::min(kRowChunk, end - i);
        if constexpr (std::is_same_v<X, bf16> && std::is_same_v<Y, float>) {
          if (!y.accumulate()) {
            load_row(from + i, to + i, count);
            continue;
          }
        }
        store_row(load_row(from + i, buffer, count), to + i, count, y.accumulate());
      }
    });
  };
  dispatch_float(x.dtype, [&]<class X>() {
    dispatch_float(y.dtype, [&]<class Y>() { convert(x.as<X>(), y.as<Y>()); });
  });
}

}  // namespace diptych
