// fill on the CPU.
// SPDX-License-Identifier: MIT
#include "kernels/fill/fill.h"

#include "kernels/common/parallel.h"

namespace diptych {

void fill_device(Stream& stream, float value, MutView y);  // fill_device.cpp

void fill(Stream& stream, float value, MutView y) {
  if (stream.on_device()) return fill_device(stream, value, y);
  constexpr int64_t kGrain = 1 << 16;
  dispatch_float(y.dtype, [&]<class T>() {
    T* const to = y.as<T>();
    const T rounded(value);
    parallel_for(y.shape.numel(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = rounded;
    });
  });
}

}  // namespace diptych
