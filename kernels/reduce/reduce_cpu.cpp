// reduce on the CPU.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/cpu_clones.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_rows.h"

namespace diptych {

namespace {

constexpr int kLanes = 16;

// Lane sums as a loop over a fixed number of lanes: the compiler keeps them in vector registers
// without being allowed to reorder sums.
DIPTYCH_CPU_CLONES void add_to_lanes(const float* x, int64_t groups, double* lanes) {
  double sum[kLanes] = {};
  for (int64_t g = 0; g < groups; ++g)
    for (int l = 0; l < kLanes; ++l) sum[l] += static_cast<double>(x[g * kLanes + l]);
  for (int l = 0; l < kLanes; ++l) lanes[l] = sum[l];
}

DIPTYCH_CPU_CLONES void add_products_to_lanes(const float* x,
                                              const float* y,
                                              int64_t groups,
                                              double* lanes) {
  double sum[kLanes] = {};
  for (int64_t g = 0; g < groups; ++g)
    for (int l = 0; l < kLanes; ++l)
      sum[l] += static_cast<double>(x[g * kLanes + l]) * static_cast<double>(y[g * kLanes + l]);
  for (int l = 0; l < kLanes; ++l) lanes[l] = sum[l];
}

// Absolute values as integers order like the values, and NaN lies above infinity.
DIPTYCH_CPU_CLONES uint32_t max_abs_bits(const float* x, int64_t n) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

DIPTYCH_CPU_CLONES int32_t non_finite_in(const float* x, int64_t n) {
  int32_t count = 0;
  for (int64_t i = 0; i < n; ++i)
    count += (std::bit_cast<uint32_t>(x[i]) & 0x7f800000u) == 0x7f800000u ? 1 : 0;
  return count;
}

DIPTYCH_CPU_CLONES int32_t saturated_in(const float* x, int64_t n) {
  int32_t count = 0;
  for (int64_t i = 0; i < n; ++i)
    count += x[i] >= kSaturation && x[i] <= 1 - kSaturation ? 0 : 1;  // NaN counts
  return count;
}

double total(const double* lanes) {
  double sum = 0;
  for (int l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

// The sum of reduce(chunk, n) over the chunks of x[0, n).
template <class T, class Reduce>
auto over_chunks(const T* x, int64_t n, const Reduce& reduce) {
  alignas(64) float buffer[kRowChunk];
  decltype(reduce(buffer, n)) sum = 0;
  for (int64_t i = 0; i < n; i += kRowChunk) {
    const int64_t count = std::min(kRowChunk, n - i);
    sum += reduce(load_row(x + i, buffer, count), count);
  }
  return sum;
}

// The sum over the blocks of a flat array of reduce(chunk, n), blocks added in order whichever
// thread worked on them. Value is 8 bytes.
template <class Value, class Reduce>
Value over_blocks(Stream& stream, View x, const Reduce& reduce) {
  const int64_t n = x.shape.numel(), blocks = (n + kReduceBlock - 1) / kReduceBlock;
  auto* const values =
      static_cast<Value*>(stream.workspace(static_cast<size_t>(blocks) * sizeof(Value)));
  dispatch_float(x.dtype, [&]<class T>() {
    const T* const from = x.as<T>();
    parallel_for(blocks, 2, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b * kReduceBlock;
        values[b] = over_chunks(from + first, std::min(kReduceBlock, n - first), reduce);
      }
    });
  });
  Value sum = 0;
  for (int64_t b = 0; b < blocks; ++b) sum += values[b];
  return sum;
}

}  // namespace

double sum_row(const float* x, int64_t n) {
  double lanes[kLanes];
  const int64_t groups = n / kLanes;
  add_to_lanes(x, groups, lanes);
  for (int64_t i = groups * kLanes; i < n; ++i)
    lanes[i - groups * kLanes] += static_cast<double>(x[i]);
  return total(lanes);
}

double dot_row(const float* x, const float* y, int64_t n) {
  double lanes[kLanes];
  const int64_t groups = n / kLanes;
  add_products_to_lanes(x, y, groups, lanes);
  for (int64_t i = groups * kLanes; i < n; ++i)
    lanes[i - groups * kLanes] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return total(lanes);
}

void sum_rows_cpu(View x, double divisor, MutView y) {
  const int64_t rows = x.shape[0], length = rows == 0 ? 0 : x.shape.numel() / rows;
  float* const to = y.as<float>();
  dispatch_float(x.dtype, [&]<class T>() {
    const T* const from = x.as<T>();
    parallel_for(
        rows, std::max<int64_t>(1, kRowGrain / (length + 1)), [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r)
            to[r] = static_cast<float>(over_chunks(from + r * length, length, sum_row) / divisor);
        });
  });
}

void spread_rows_cpu(View dy, double divisor, GradView dx) {
  const int64_t rows = dx.shape[0], length = rows == 0 ? 0 : dx.shape.numel() / rows;
  const float* const from = dy.as<float>();
  dispatch_float(dx.dtype, [&]<class T>() {
    T* const to = dx.as<T>();
    for (int64_t r = 0; r < rows; ++r) {
      const auto value = static_cast<float>(static_cast<double>(from[r]) / divisor);
      map_rows(length, to + r * length, dx.accumulate(),
               [&](float* out, int64_t n) { std::fill_n(out, n, value); });
    }
  });
}

void max_abs_rows_cpu(View x, MutView y) {
  const int64_t rows = x.shape[0], length = rows == 0 ? 0 : x.shape.numel() / rows;
  float* const to = y.as<float>();
  dispatch_float(x.dtype, [&]<class T>() {
    const T* const from = x.as<T>();
    alignas(64) float buffer[kRowChunk];
    for (int64_t r = 0; r < rows; ++r) {
      uint32_t largest = 0;
      for (int64_t i = 0; i < length; i += kRowChunk) {
        const int64_t n = std::min(kRowChunk, length - i);
        largest = std::max(largest, max_abs_bits(load_row(from + r * length + i, buffer, n), n));
      }
      to[r] = std::bit_cast<float>(largest);
    }
  });
}

double sum_of_squares_cpu(Stream& stream, View x) {
  const auto squares = [](const float* row, int64_t n) { return dot_row(row, row, n); };
  return over_blocks<double>(stream, x, squares);
}

int64_t count_non_finite_cpu(Stream& stream, View x) {
  return over_blocks<int64_t>(stream, x, non_finite_in);
}

int64_t count_saturated_cpu(Stream& stream, View x) {
  return over_blocks<int64_t>(stream, x, saturated_in);
}

}  // namespace diptych
