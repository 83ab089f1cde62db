// The emulator's scalar intrinsics. Fast-math ones are exact here: test with the device's bounds.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

inline float __expf(float x) {
  return std::exp(x);
}

inline float __logf(float x) {
  return std::log(x);
}

inline float rsqrtf(float x) {
  return 1.0f / std::sqrt(x);
}

inline double rsqrt(double x) {
  return 1.0 / std::sqrt(x);
}

inline float __fdividef(float a, float b) {
  return a / b;
}

inline float __saturatef(float x) {
  return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f;
}

inline float __fmaf_rn(float a, float b, float c) {
  return std::fma(a, b, c);
}

// The _rn forms are never contracted into a fused multiply-add.
inline float __fmul_rn(float a, float b) {
  return a * b;
}

inline float __fadd_rn(float a, float b) {
  return a + b;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(uint64_t{a} * b >> 32);
}

inline float __int_as_float(int i) {
  return std::bit_cast<float>(i);
}

inline int __float_as_int(float f) {
  return std::bit_cast<int>(f);
}

inline float __uint_as_float(unsigned i) {
  return std::bit_cast<float>(i);
}

inline unsigned __float_as_uint(float f) {
  return std::bit_cast<unsigned>(f);
}

inline int __popc(unsigned x) {
  return std::popcount(x);
}

inline int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}

inline int __ffs(int x) {
  return __builtin_ffs(x);
}

inline int min(int a, int b) {
  return a < b ? a : b;
}

inline int max(int a, int b) {
  return a > b ? a : b;
}

inline unsigned min(unsigned a, unsigned b) {
  return a < b ? a : b;
}

inline unsigned max(unsigned a, unsigned b) {
  return a > b ? a : b;
}

inline int64_t min(int64_t a, int64_t b) {
  return a < b ? a : b;
}

inline int64_t max(int64_t a, int64_t b) {
  return a > b ? a : b;
}

// As on the device, NaN loses against a number.
inline float min(float a, float b) {
  return std::fmin(a, b);
}

inline float max(float a, float b) {
  return std::fmax(a, b);
}

inline void __threadfence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

inline void __threadfence_block() {}
