// depth_to_space on the CPU. Of one deep pixel, both halves of its channels (i = 0, 1) are runs of
// 2 * C/4 elements that lie together on the wide side too: pixels (2w, 2w+1) of row 2h+i.
// SPDX-License-Identifier: MIT
#include <cstring>

#include "kernels/cast/cast_rows.h"
#include "kernels/common/view.h"

namespace diptych {

namespace {

template <class T>
void move_run(const T* from, T* to, int64_t n, bool accumulate) {
  if (!accumulate) {
    // A call to memcpy costs more than the short runs of few channels.
    if (n <= 16) {
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    } else {
      std::memcpy(static_cast<void*>(to), from, static_cast<size_t>(n) * sizeof(T));
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    to[i] = T(static_cast<float>(to[i]) + static_cast<float>(from[i]));
}

// move(deep offset, wide offset, run length) for every run.
template <class Move>
void for_each_run(const Shape& deep, const Move& move) {
  const int64_t height = deep[1], width = deep[2], channels = deep[3], run = channels / 2;
  parallel_for(deep[0] * height, std::max<int64_t>(1, kRowGrain / (width * channels + 1)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   for (int64_t i = 0; i < 2; ++i) {
                     const int64_t deep_row = row * width * channels + i * run;
                     const int64_t wide_row = (2 * row + i) * width * run;
                     for (int64_t w = 0; w < width; ++w)
                       move(deep_row + w * channels, wide_row + w * run, run);
                   }
                 }
               });
}

}  // namespace

void depth_to_space_cpu(View deep, GradView wide) {
  dispatch_float(deep.dtype, [&]<class T>() {
    const T* const from = deep.as<T>();
    T* const to = wide.as<T>();
    for_each_run(deep.shape, [&](int64_t d, int64_t w, int64_t n) {
      move_run(from + d, to + w, n, wide.accumulate());
    });
  });
}

void space_to_depth_cpu(View wide, GradView deep) {
  dispatch_float(wide.dtype, [&]<class T>() {
    const T* const from = wide.as<T>();
    T* const to = deep.as<T>();
    for_each_run(deep.shape, [&](int64_t d, int64_t w, int64_t n) {
      move_run(from + w, to + d, n, deep.accumulate());
    });
  });
}

}  // namespace diptych
