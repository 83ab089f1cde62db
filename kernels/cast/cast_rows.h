// Rows of f32 or bf16 storage as f32, for the elementwise CPU ops: load a chunk, compute in f32,
// store it. f32 rows are read in place.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/common/dtype.h"
#include "kernels/common/parallel.h"

namespace diptych {

constexpr int64_t kRowChunk = 1024;     // f32 of a few inputs and an output stay in the L1 cache
constexpr int64_t kRowGrain = 1 << 15;  // elements worth a thread

// The row as f32: x itself, or `buffer` filled from x.
inline const float* load_row(const float* x, float*, int64_t) {
  return x;
}

const float* load_row(const bf16* x, float* buffer, int64_t n);

// y = values, or y += values with the sum in f32.
void store_row(const float* values, float* y, int64_t n, bool accumulate);
void store_row(const float* values, bf16* y, int64_t n, bool accumulate);

namespace rows_detail {

template <class Y, class Fn, size_t... I, class... X>
void map_range(int64_t begin,
               int64_t end,
               Y* y,
               bool accumulate,
               const Fn& fn,
               std::index_sequence<I...>,
               const X*... x) {
  alignas(64) [[maybe_unused]] float in[sizeof...(X) + 1][kRowChunk];
  alignas(64) float out[kRowChunk];
  for (int64_t i = begin; i < end; i += kRowChunk) {
    const int64_t n = std::min(kRowChunk, end - i);
    fn(load_row(x + i, in[I], n)..., out, n);
    store_row(out, y + i, n, accumulate);
  }
}

}  // namespace rows_detail

// fn(inputs..., out, n) on chunks of [0, n): f32 rows in, one f32 row out, stored to y. y may be an
// input: a chunk is read before it is written.
template <class Y, class Fn, class... X>
void map_rows(int64_t n, Y* y, bool accumulate, const Fn& fn, const X*... x) {
  parallel_for(n, kRowGrain, [&](int64_t begin, int64_t end) {
    rows_detail::map_range(begin, end, y, accumulate, fn, std::index_sequence_for<X...>{}, x...);
  });
}

}  // namespace diptych
