// What code needs that the host and the device share: one text, the same numbers on both.
// SPDX-License-Identifier: MIT
#pragma once

// A function of both. Always inlined, so that a kernel file on the emulator and a host file never
// share a compiled copy of it.
#ifdef __CUDACC__
#define DIPTYCH_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define DIPTYCH_HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace diptych::warp {

// a * b, rounded. nvcc fuses a product with the sum it feeds, which changes the last bit; not this
// one. Host files that must agree are compiled with -ffp-contract=off.
DIPTYCH_HOST_DEVICE float product(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

DIPTYCH_HOST_DEVICE double product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

template <class T>
DIPTYCH_HOST_DEVICE T limit(T v, T low, T high) {
  return v < low ? low : high < v ? high : v;
}

}  // namespace diptych::warp
