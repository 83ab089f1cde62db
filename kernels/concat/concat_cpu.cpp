// concat on the CPU: copies of rectangles of contiguous rows.
// SPDX-License-Identifier: MIT
#include <cstring>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/view.h"

namespace diptych {

namespace {

template <class T>
void move_row(const T* from, T* to, int64_t n, bool accumulate) {
  if (!accumulate) {
    std::memcpy(static_cast<void*>(to), from, static_cast<size_t>(n) * sizeof(T));
    return;
  }
  alignas(64) float buffer[kRowChunk];
  for (int64_t i = 0; i < n; i += kRowChunk) {
    const int64_t count = std::min(kRowChunk, n - i);
    store_row(load_row(from + i, buffer, count), to + i, count, true);
  }
}

}  // namespace

void copy_columns_cpu(View from,
                      int64_t from_pitch,
                      int64_t from_column,
                      GradView to,
                      int64_t to_pitch,
                      int64_t to_column,
                      int64_t rows,
                      int64_t width) {
  if (rows == 0 || width == 0) return;
  dispatch_float(to.dtype, [&]<class T>() {
    const T* const source = from.as<T>() + from_column;
    T* const target = to.as<T>() + to_column;
    if (rows == 1) {
      parallel_for(width, kRowGrain, [&](int64_t begin, int64_t end) {
        move_row(source + begin, target + begin, end - begin, to.accumulate());
      });
      return;
    }
    parallel_for(rows, std::max<int64_t>(1, kRowGrain / width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        move_row(source + row * from_pitch, target + row * to_pitch, width, to.accumulate());
    });
  });
}

void fill_zero_cpu(MutView y, int64_t first, int64_t count) {
  if (count == 0) return;
  const size_t unit = size_of(y.dtype);  // the bits of zero are 0 in every dtype
  std::memset(static_cast<unsigned char*>(y.data) + static_cast<size_t>(first) * unit, 0,
              static_cast<size_t>(count) * unit);
}

}  // namespace diptych
