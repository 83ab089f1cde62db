// Comparison of an op's output with its double reference, input generators and guarded buffers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/common/rng.h"
#include "kernels/common/view.h"

namespace diptych {

// What a reference returns: the value and the sum of the absolute terms that made it (the scale of
// the error).
struct RefTensor {
  std::vector<double> value;
  std::vector<double> magnitude;
};

// A buffer of one dtype that starts as NaN between two guard bands: unwritten and stray elements
// both show.
class TestBuffer {
 public:
  TestBuffer(Shape shape, DType dtype) : shape_(shape), dtype_(dtype) {
    const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
    storage_.assign(bytes + 2 * kGuard + 64,
                    0xFF);  // 0xFFFFFFFF and 0xFFFF are NaN in f32 and bf16
    const auto address = reinterpret_cast<uintptr_t>(storage_.data()) + kGuard;
    offset_ = static_cast<size_t>((address + 63) / 64 * 64 -
                                  reinterpret_cast<uintptr_t>(storage_.data()));
  }

  // Stores values rounded to the dtype and gives back what was stored.
  std::vector<double> set(const std::vector<double>& values) {
    EXPECT_EQ(static_cast<int64_t>(values.size()), shape_.numel());
    std::vector<double> stored(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      if (dtype_ == DType::kF32) {
        reinterpret_cast<float*>(data())[i] = static_cast<float>(values[i]);
      } else {
        reinterpret_cast<bf16*>(data())[i] = bf16(static_cast<float>(values[i]));
      }
      stored[i] = get(i);
    }
    return stored;
  }

  double get(size_t i) const {
    const unsigned char* p = storage_.data() + offset_;
    return dtype_ == DType::kF32
               ? reinterpret_cast<const float*>(p)[i]
               : static_cast<double>(static_cast<float>(reinterpret_cast<const bf16*>(p)[i]));
  }

  View view() const { return {storage_.data() + offset_, shape_, dtype_}; }

  MutView mut() { return {data(), shape_, dtype_}; }

  GradView grad(GradMode mode = GradMode::kOverwrite) { return {{data(), shape_, dtype_}, mode}; }

  const Shape& shape() const { return shape_; }

  DType dtype() const { return dtype_; }

  void* data() { return storage_.data() + offset_; }

  // True when nothing was written outside the buffer.
  bool guards_intact() const {
    const size_t bytes = static_cast<size_t>(shape_.numel()) * size_of(dtype_);
    for (size_t i = 0; i < storage_.size(); ++i) {
      if ((i < offset_ || i >= offset_ + bytes) && storage_[i] != 0xFF) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 256;
  Shape shape_;
  DType dtype_;
  size_t offset_ = 0;
  std::vector<unsigned char> storage_;
};

// Integers in [-limit, limit]: sums stay exact in f32, so results must be equal bit for bit.
inline std::vector<double> random_integers(int64_t count, int limit, uint64_t seed) {
  Rng rng(seed, 0, 0);
  std::vector<double> values(static_cast<size_t>(count));
  for (double& v : values)
    v = static_cast<double>(rng.below(static_cast<uint32_t>(2 * limit + 1))) - limit;
  return values;
}

// Reals in [-1, 1).
inline std::vector<double> random_reals(int64_t count, uint64_t seed) {
  Rng rng(seed, 1, 0);
  std::vector<double> values(static_cast<size_t>(count));
  for (double& v : values) v = 2.0 * rng.uniform() - 1.0;
  return values;
}

// Bound of an element: u_store * |ref| + c * 2^-24 * magnitude. exact = true asks for equality
// instead (round 1).
struct Tolerance {
  bool exact = false;
  double c = 0;  // terms that add up in sequence on the worst path (log2 of the count for trees)
};

// Passes only when every element is within its bound, so a NaN fails. Reports the first bad element
// and the worst.
inline ::testing::AssertionResult within(const TestBuffer& actual,
                                         const RefTensor& ref,
                                         Tolerance tolerance) {
  int64_t bad = 0, first = -1;
  double worst = 0;
  const double u_store = unit_roundoff(actual.dtype());
  for (size_t i = 0; i < ref.value.size(); ++i) {
    const double y = actual.get(i), r = ref.value[i];
    const double bound =
        tolerance.exact ? 0.0
                        : u_store * std::abs(r) + tolerance.c * 0x1p-24 * ref.magnitude[i] + 1e-37;
    const double error = std::abs(y - r);
    if (!(error <= bound)) {
      ++bad;
      if (first < 0) first = static_cast<int64_t>(i);
    }
    const double ratio =
        bound > 0 ? error / bound : (error == 0 ? 0 : std::numeric_limits<double>::infinity());
    if (!(ratio <= worst)) worst = ratio;
  }
  if (!actual.guards_intact())
    return ::testing::AssertionFailure() << "wrote outside the output buffer";
  if (bad == 0) return ::testing::AssertionSuccess();
  std::string coordinate;
  int64_t rest = first;
  for (int axis = actual.shape().rank() - 1; axis >= 0; --axis) {
    coordinate =
        std::to_string(rest % actual.shape()[axis]) + (coordinate.empty() ? "" : ",") + coordinate;
    rest /= actual.shape()[axis];
  }
  return ::testing::AssertionFailure()
         << bad << " of " << ref.value.size() << " elements out of bounds; first at (" << coordinate
         << "): got " << actual.get(static_cast<size_t>(first)) << ", reference "
         << ref.value[static_cast<size_t>(first)] << "; worst error is " << worst
         << " times its bound";
}

}  // namespace diptych
