// Lanes: 16 f32 in one value, by the compiler's vector types. One AVX-512 register, two AVX or four
// SSE ones: for hot loops under DIPTYCH_CPU_CLONES that must keep their sums in registers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/common/dtype.h"

namespace diptych {

constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(64)));
typedef float LanesInMemory __attribute__((vector_size(64), aligned(4), may_alias));

// By reference: a vector as result would depend on the instruction set of the caller.
[[gnu::always_inline]] inline void load_lanes(const float* from, Lanes& to) {
  to = *reinterpret_cast<const LanesInMemory*>(from);
}

[[gnu::always_inline]] inline void load_lanes(const bf16* from, Lanes& to) {
  typedef uint16_t Halves __attribute__((vector_size(32)));
  typedef uint32_t Words __attribute__((vector_size(64)));
  Halves halves;
  std::memcpy(&halves, from, sizeof(halves));
  const Words words = __builtin_convertvector(halves, Words) << 16;
  std::memcpy(&to, &words, sizeof(to));
}

[[gnu::always_inline]] inline void store_lanes(const Lanes& from, float* to) {
  *reinterpret_cast<LanesInMemory*>(to) = from;
}

}  // namespace diptych
