// From the host's dtype to the device's storage type, and the launch that covers n elements.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/dtype.h"
#include "kernels/common/simt/simt.h"

namespace diptych {

template <class Host>
struct device_storage {
  using type = Host;
};

template <>
struct device_storage<bf16> {
  using type = simt::bf16;  // the same bits
};

// Calls f.template operator()<T>() with T float or simt::bf16.
template <class F>
void dispatch_device(DType dtype, F&& f) {
  dispatch_float(dtype,
                 [&]<class T>() { f.template operator()<typename device_storage<T>::type>(); });
}

constexpr int kBlockThreads = 256;

// A thread per item. Nothing is launched for 0 items: callers return early.
inline simt::Config cover(int64_t items, CudaStream stream, int threads = kBlockThreads) {
  const int64_t blocks = (items + threads - 1) / threads;
  DIPTYCH_CHECK(blocks >= 1 && blocks <= 0x7fffffff, "launch: ", items, " items in blocks of ",
                threads);
  return {.grid = static_cast<unsigned>(blocks),
          .block = static_cast<unsigned>(threads),
          .smem = 0,
          .stream = stream};
}

// The item of this thread, counted over the whole grid. 64 bits: a batch of feature maps can pass
// 2^31.
__device__ __forceinline__ int64_t item_index() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

}  // namespace diptych
