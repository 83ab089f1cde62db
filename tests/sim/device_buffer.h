// A TestBuffer whose data lies where kernels see it.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/sim/device_array.h"
#include "tests/support/compare.h"

namespace diptych {

// A buffer of one dtype in device memory, NaN at first. The emulator guards its ends.
class DeviceBuffer {
 public:
  DeviceBuffer(Shape shape, DType dtype)
      : host_(shape, dtype), device_(static_cast<size_t>(shape.numel()) * size_of(dtype)) {}

  // Stores values rounded to the dtype and gives back what was stored.
  std::vector<double> set(const std::vector<double>& values) {
    const auto stored = host_.set(values);
    simt::device_write(device_.get(), host_.data(), device_.size());
    return stored;
  }

  // What the device left there, to compare.
  const TestBuffer& fetch() {
    simt::device_read(host_.data(), device_.get(), device_.size());
    return host_;
  }

  std::vector<double> values() {
    fetch();
    std::vector<double> list(static_cast<size_t>(shape().numel()));
    for (size_t i = 0; i < list.size(); ++i) list[i] = host_.get(i);
    return list;
  }

  View view() const { return {device_.get(), host_.shape(), host_.dtype()}; }

  MutView mut() { return {device_.get(), host_.shape(), host_.dtype()}; }

  GradView grad(GradMode mode = GradMode::kOverwrite) { return {mut(), mode}; }

  const Shape& shape() const { return host_.shape(); }

 private:
  TestBuffer host_;
  DeviceArray<unsigned char> device_;
};

inline std::string name_of_dtype(const ::testing::TestParamInfo<DType>& info) {
  return name_of(info.param);
}

}  // namespace diptych
