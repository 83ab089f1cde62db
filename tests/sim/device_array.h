// Arrays that kernels work on, and inputs for them. The same text runs on the emulator and on a
// GPU, whose memory the host does not see: values go in at the start and come out by values().
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "kernels/common/rng.h"
#include "kernels/common/simt/device_memory.h"

namespace diptych {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t size)  // starts as NaNs
      : data_(static_cast<T*>(simt::device_alloc(size * sizeof(T)))), size_(size) {}

  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    simt::device_write(data_, values.data(), size_ * sizeof(T));
  }

  DeviceArray(size_t size, T value) : DeviceArray(std::vector<T>(size, value)) {}

  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  ~DeviceArray() { simt::device_free(data_); }

  T* get() const { return data_; }

  size_t size() const { return size_; }

  // What the device left there.
  std::vector<T> values() const {
    std::vector<T> copy(size_);
    simt::device_read(copy.data(), data_, size_ * sizeof(T));
    return copy;
  }

 private:
  T* data_;
  size_t size_;
};

template <class T>
std::vector<T> normal_values(size_t count, uint64_t seed, float scale = 1.0f) {
  Rng rng(seed, 2, 0);
  std::vector<T> values(count);
  for (T& v : values) v = T(scale * rng.normal());
  return values;
}

}  // namespace diptych
