// The emulator's CUDA vocabulary: qualifiers, vector types, threadIdx and its like. Names are
// CUDA's, so they stand in the global namespace.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define DIPTYCH_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DIPTYCH_SIMT_ASAN 1
#endif
#endif

// One OS thread runs one block at a time, so what a block shares is thread_local. Checking builds
// run blocks one after another instead: redzones and shadow memory need plain static storage.
#if defined(DIPTYCH_SIMT_ASAN) || defined(DIPTYCH_SIMT_CHECK)
#define __shared__ static
#else
#define __shared__ static thread_local
#endif
#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))  // alignas may not stand where CUDA allows this

namespace diptych::simt {

template <class T>
struct alignas(2 * sizeof(T)) Vector2 {
  T x, y;
};

template <class T>
struct Vector3 {
  T x, y, z;
};

template <class T>
struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) Vector4 {
  T x, y, z, w;
};

}  // namespace diptych::simt

using float2 = diptych::simt::Vector2<float>;
using float3 = diptych::simt::Vector3<float>;
using float4 = diptych::simt::Vector4<float>;
using double2 = diptych::simt::Vector2<double>;
using int2 = diptych::simt::Vector2<int>;
using int3 = diptych::simt::Vector3<int>;
using int4 = diptych::simt::Vector4<int>;
using uint2 = diptych::simt::Vector2<unsigned>;
using uint3 = diptych::simt::Vector3<unsigned>;
using uint4 = diptych::simt::Vector4<unsigned>;
using uchar4 = diptych::simt::Vector4<unsigned char>;

inline float2 make_float2(float x, float y) {
  return {x, y};
}

inline float3 make_float3(float x, float y, float z) {
  return {x, y, z};
}

inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

inline int2 make_int2(int x, int y) {
  return {x, y};
}

inline int4 make_int4(int x, int y, int z, int w) {
  return {x, y, z, w};
}

inline uint2 make_uint2(unsigned x, unsigned y) {
  return {x, y};
}

inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}

struct dim3 {
  unsigned x, y, z;

  constexpr dim3(unsigned nx = 1, unsigned ny = 1, unsigned nz = 1) : x(nx), y(ny), z(nz) {}
};

// Initial-exec: else every threadIdx costs a call.
inline constinit thread_local __attribute__((tls_model("initial-exec"))) uint3 threadIdx{};
inline constinit thread_local __attribute__((tls_model("initial-exec"))) uint3 blockIdx{};
inline constinit thread_local __attribute__((tls_model("initial-exec"))) dim3 blockDim{};
inline constinit thread_local __attribute__((tls_model("initial-exec"))) dim3 gridDim{};
constexpr int warpSize = 32;
