// Device memory of the bench: allocations that free themselves, filled with random values, because
// zeros can run faster than data will.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/common/device.h"
#include "kernels/common/rng.h"
#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

class DeviceMemory {
 public:
  explicit DeviceMemory(size_t bytes) : data_(device::allocate(bytes)), bytes_(bytes) {}

  DeviceMemory(const Shape& shape, DType dtype)
      : DeviceMemory(static_cast<size_t>(shape.numel()) * size_of(dtype)) {}

  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  ~DeviceMemory() { device::release(data_); }

  // Normal values, a pattern of a million repeated.
  void fill(Stream& stream, DType dtype) {
    static const std::vector<float> pattern = [] {
      std::vector<float> values(size_t{1} << 20);
      Rng rng(1, 2, 3);
      for (float& v : values) v = static_cast<float>(rng.normal());
      return values;
    }();
    std::vector<bf16> rounded;
    const void* from = pattern.data();
    if (dtype == DType::kBF16) {
      for (const float v : pattern) rounded.emplace_back(v);
      from = rounded.data();
    }
    size_t filled = std::min(bytes_, pattern.size() * size_of(dtype));
    device::upload(stream.cuda(), data_, from, filled);
    while (filled < bytes_) {
      const size_t more = std::min(filled, bytes_ - filled);
      device::copy(stream.cuda(), static_cast<char*>(data_) + filled, data_, more);
      filled += more;
    }
    device::wait(stream.cuda());
  }

  template <class T = void>
  T* get() const {
    return static_cast<T*>(data_);
  }

  size_t bytes() const { return bytes_; }

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace diptych
