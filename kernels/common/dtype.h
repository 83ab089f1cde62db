// DType and the storage type bf16; the only switch on dtype in the project.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <utility>

#include "kernels/common/check.h"

namespace diptych {

enum class DType : uint8_t { kF32, kBF16 };

// bfloat16 as stored: the upper half of an f32. Conversion rounds to nearest even and keeps NaN.
struct bf16 {
  uint16_t bits = 0;

  bf16() = default;

  explicit bf16(float value) {
    uint32_t u;
    std::memcpy(&u, &value, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
      bits =
          static_cast<uint16_t>((u >> 16) | 0x40u);  // quiet NaN: rounding could make it infinite
    } else {
      bits = static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
  }

  explicit operator float() const {
    const uint32_t u = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &u, 4);
    return value;
  }
};

template <class T>
struct dtype_of;

template <>
struct dtype_of<float> {
  static constexpr DType value = DType::kF32;
};

template <>
struct dtype_of<bf16> {
  static constexpr DType value = DType::kBF16;
};

inline size_t size_of(DType dtype) {
  return dtype == DType::kF32 ? 4 : 2;
}

inline const char* name_of(DType dtype) {
  return dtype == DType::kF32 ? "f32" : "bf16";
}

inline std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << name_of(dtype);
}

// Unit roundoff of one store: the u_store of the error bounds in the tests.
inline double unit_roundoff(DType dtype) {
  return dtype == DType::kF32 ? 0x1p-24 : 0x1p-8;
}

// Calls f.template operator()<T>() with T the storage type of dtype.
template <class F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF32:
      return std::forward<F>(f).template operator()<float>();
    case DType::kBF16:
      return std::forward<F>(f).template operator()<bf16>();
  }
  throw Error("dispatch_float: unknown dtype");
}

}  // namespace diptych
