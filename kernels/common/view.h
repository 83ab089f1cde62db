// Views: a pointer, a shape and a dtype. Contiguous, no ownership. What kernels take.
// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>

#include "kernels/common/dtype.h"
#include "kernels/common/shape.h"

namespace diptych {

struct View {
  const void* data = nullptr;
  Shape shape;
  DType dtype = DType::kF32;

  template <class T>
  const T* as() const {
    DIPTYCH_CHECK(dtype == dtype_of<T>::value, "View: holds ", dtype, ", read as ",
                  dtype_of<T>::value);
    return static_cast<const T*>(data);
  }

  bool defined() const { return data != nullptr; }

  friend std::ostream& operator<<(std::ostream& out, const View& v) {
    return out << v.shape << ' ' << v.dtype;
  }
};

struct MutView {
  void* data = nullptr;
  Shape shape;
  DType dtype = DType::kF32;

  template <class T>
  T* as() const {
    DIPTYCH_CHECK(dtype == dtype_of<T>::value, "MutView: holds ", dtype, ", written as ",
                  dtype_of<T>::value);
    return static_cast<T*>(data);
  }

  bool defined() const { return data != nullptr; }

  operator View() const { return {data, shape, dtype}; }  // NOLINT(google-explicit-constructor)

  friend std::ostream& operator<<(std::ostream& out, const MutView& v) {
    return out << v.shape << ' ' << v.dtype;
  }
};

// A gradient slot: the first writer overwrites, later ones accumulate, so nothing is zero-filled.
enum class GradMode : uint8_t { kOverwrite, kAccumulate };

struct GradView : MutView {
  GradMode mode = GradMode::kOverwrite;

  bool accumulate() const { return mode == GradMode::kAccumulate; }
};

}  // namespace diptych
