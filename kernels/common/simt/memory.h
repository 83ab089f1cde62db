// The emulator's whole loads and stores, and atomics (relaxed, as on the device).
// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <type_traits>

#include "kernels/common/simt/bf16.h"
#include "kernels/common/simt/emulator.h"

// The checker sees these as the one access that they are on the device; a plain float4 copy it may
// see as the four that the C++ compiler makes of it.
template <class T>
T __ldg(const T* p, diptych::simt::Site at = diptych::simt::Site::here()) {
  diptych::simt::expect_aligned(p, at);
  diptych::simt::note(p, sizeof(T), diptych::simt::Access::kRead, at);
  T value;
  diptych::simt::copy_unseen(&value, p, sizeof(T));
  return value;
}

template <class T>
T __ldcs(const T* p, diptych::simt::Site at = diptych::simt::Site::here()) {
  return __ldg(p, at);
}

template <class T>
void __stcs(T* p,
            std::type_identity_t<T> value,
            diptych::simt::Site at = diptych::simt::Site::here()) {
  diptych::simt::expect_aligned(p, at);
  diptych::simt::note(p, sizeof(T), diptych::simt::Access::kWrite, at);
  diptych::simt::copy_unseen(p, &value, sizeof(T));
}

namespace diptych::simt {

template <class T, class F>
T atomic_update(T* p, F next_of, Site at) {
  expect_aligned(p, at);
  note(p, sizeof(T), Access::kAtomic, at);
  T old, next;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  do {
    next = next_of(old);
  } while (!__atomic_compare_exchange(p, &old, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

}  // namespace diptych::simt

template <class T>
T atomicAdd(T* p,
            std::type_identity_t<T> value,
            diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::atomic_update(
      p, [value](T old) { return static_cast<T>(old + value); }, at);
}

inline __nv_bfloat162 atomicAdd(__nv_bfloat162* p,
                                __nv_bfloat162 value,
                                diptych::simt::Site at = diptych::simt::Site::here()) {
  const auto add = [value](uint32_t old) {
    return std::bit_cast<uint32_t>(__hadd2(std::bit_cast<__nv_bfloat162>(old), value));
  };
  return std::bit_cast<__nv_bfloat162>(
      diptych::simt::atomic_update(reinterpret_cast<uint32_t*>(p), add, at));
}

template <class T>
T atomicMax(T* p,
            std::type_identity_t<T> value,
            diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::atomic_update(
      p, [value](T old) { return old > value ? old : value; }, at);
}

template <class T>
T atomicMin(T* p,
            std::type_identity_t<T> value,
            diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::atomic_update(
      p, [value](T old) { return old < value ? old : value; }, at);
}

template <class T>
T atomicExch(T* p,
             std::type_identity_t<T> value,
             diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::atomic_update(
      p, [value](T) { return value; }, at);
}

template <class T>
T atomicCAS(T* p,
            std::type_identity_t<T> expected,
            std::type_identity_t<T> value,
            diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::atomic_update(
      p, [=](T old) { return old == expected ? value : old; }, at);
}
