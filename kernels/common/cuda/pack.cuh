// Packs: 16 bytes of elements that one instruction loads or stores.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/simt.h"

namespace diptych {

constexpr int kPackBytes = 16;

template <class T, int N = kPackBytes / static_cast<int>(sizeof(T))>
struct alignas(sizeof(T) * N) Pack {
  static constexpr int kSize = N;

  T v[N];
};

// One access of sizeof(V) bytes. On the emulator, too: a plain copy might be told as several.
template <class V>
__device__ __forceinline__ V load_whole(const V* p,
                                        [[maybe_unused]] simt::Site at = simt::Site::here()) {
#ifdef __CUDACC__
  return *p;
#else
  simt::expect_aligned(p, at);
  simt::note(p, sizeof(V), simt::Access::kRead, at);
  V value;
  simt::copy_unseen(&value, p, sizeof(V));
  return value;
#endif
}

template <class V>
__device__ __forceinline__ void store_whole(V* p,
                                            const V& value,
                                            [[maybe_unused]] simt::Site at = simt::Site::here()) {
#ifdef __CUDACC__
  *p = value;
#else
  simt::expect_aligned(p, at);
  simt::note(p, sizeof(V), simt::Access::kWrite, at);
  simt::copy_unseen(p, &value, sizeof(V));
#endif
}

template <class P, class T>
__device__ __forceinline__ P* packs_of(T* p) {
  return reinterpret_cast<P*>(p);
}

constexpr int64_t packs_in(int64_t count, int per_pack) {
  return (count + per_pack - 1) / per_pack;
}

// Pack p of an array of `count` elements; the ragged last one is read one by one, zeros behind.
template <class T, int N = Pack<T>::kSize>
__device__ __forceinline__ Pack<T, N> load_pack(const T* x,
                                                int64_t p,
                                                int64_t count,
                                                simt::Site at = simt::Site::here()) {
  if ((p + 1) * N <= count) return load_whole(packs_of<const Pack<T, N>>(x) + p, at);
  Pack<T, N> value;
  for (int i = 0; i < N; ++i) value.v[i] = p * N + i < count ? x[p * N + i] : T(0.0f);
  return value;
}

template <class T, int N>
__device__ __forceinline__ void store_pack(
    T* y, int64_t p, int64_t count, const Pack<T, N>& value, simt::Site at = simt::Site::here()) {
  if ((p + 1) * N <= count) {
    store_whole(packs_of<Pack<T, N>>(y) + p, value, at);
    return;
  }
  for (int i = 0; i < N && p * N + i < count; ++i) y[p * N + i] = value.v[i];
}

// True when every pointer starts a pack.
template <class... T>
bool pack_aligned(const T*... p) {
  return ((reinterpret_cast<uintptr_t>(p) % kPackBytes == 0) && ...);
}

}  // namespace diptych
