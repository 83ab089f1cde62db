// The emulator's part of cuda_bf16.h that kernels use. Same bits as diptych::bf16 (dtype.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cmath>

#include "kernels/common/simt/vector_types.h"

struct __nv_bfloat16 {
  uint16_t bits;

  __nv_bfloat16() = default;

  // Round to nearest even; NaN stays NaN. constexpr, or g++ guards __shared__ arrays of these.
  constexpr __nv_bfloat16(float f) : bits(round(std::bit_cast<uint32_t>(f))) {}  // NOLINT: CUDA's

  operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }  // NOLINT: CUDA's

 private:
  static constexpr uint16_t round(uint32_t u) {
    return (u & 0x7fffffffu) > 0x7f800000u
               ? uint16_t{0x7fff}
               : static_cast<uint16_t>((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
  }
};

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline __nv_bfloat16 __float2bfloat16(float f) {
  return f;
}

inline __nv_bfloat16 __float2bfloat16_rn(float f) {
  return f;
}

inline float __bfloat162float(__nv_bfloat16 b) {
  return b;
}

inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return {x, y};
}

inline float2 __bfloat1622float2(__nv_bfloat162 v) {
  return {v.x, v.y};
}

inline __nv_bfloat162 __hadd2(__nv_bfloat162 a, __nv_bfloat162 b) {
  return {static_cast<float>(a.x) + static_cast<float>(b.x),
          static_cast<float>(a.y) + static_cast<float>(b.y)};
}

inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
  return {std::fma(static_cast<float>(a.x), static_cast<float>(b.x), static_cast<float>(c.x)),
          std::fma(static_cast<float>(a.y), static_cast<float>(b.y), static_cast<float>(c.y))};
}
