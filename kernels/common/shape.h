// Shape: up to four sizes, outermost first. Activations are (N,H,W,C), conv weights (K,R,S,C),
// dense (out,in).
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>

#include "kernels/common/check.h"

namespace diptych {

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;

  Shape(std::initializer_list<int64_t> sizes) {  // NOLINT: a shape is written as {n, h, w, c}
    DIPTYCH_CHECK(sizes.size() <= kMaxRank, "Shape: rank ", sizes.size(), " is above ", kMaxRank);
    for (int64_t size : sizes) {
      DIPTYCH_CHECK(size >= 0, "Shape: negative size ", size);
      sizes_[static_cast<size_t>(rank_++)] = size;
    }
  }

  int rank() const { return rank_; }

  int64_t operator[](int axis) const {
    DIPTYCH_CHECK(axis >= 0 && axis < rank_, "Shape: axis ", axis, " of rank ", rank_);
    return sizes_[static_cast<size_t>(axis)];
  }

  int64_t numel() const {
    int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= sizes_[static_cast<size_t>(i)];
    return product;
  }

  // Product of all sizes but the last: the row count of a matrix view.
  int64_t rows() const { return rank_ == 0 || last() == 0 ? 0 : numel() / last(); }

  int64_t last() const { return rank_ == 0 ? 1 : sizes_[static_cast<size_t>(rank_ - 1)]; }

  friend bool operator==(const Shape&, const Shape&) = default;

  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '(';
    for (int i = 0; i < shape.rank_; ++i)
      out << (i ? "," : "") << shape.sizes_[static_cast<size_t>(i)];
    return out << ')';
  }

 private:
  std::array<int64_t, kMaxRank> sizes_{};  // entries past rank_ stay 0, so comparison is memberwise
  int rank_ = 0;
};

}  // namespace diptych
