// Moving several neighbouring elements at once, as f32 in registers. Plain loads and stores: what
// one kernel of a step writes the next one reads, so it is not to be marked as done with in the L2.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "kernels/common/simt/simt.h"

namespace diptych {

// The machine word of `Bytes` bytes.
template <int Bytes>
struct WordOf;

template <>
struct WordOf<16> {
  using Type = uint4;
};

template <>
struct WordOf<8> {
  using Type = uint2;
};

template <>
struct WordOf<4> {
  using Type = unsigned;
};

template <>
struct WordOf<2> {
  using Type = unsigned short;
};

// Width elements; `from` and `to` are multiples of their size. f32 of 8 elements are two words.
template <int Width, class T>
__device__ __forceinline__ void load_vector(const T* from, float* v) {
  constexpr int kBytes = Width * static_cast<int>(sizeof(T)), kWord = kBytes < 16 ? kBytes : 16;
  using Word = typename WordOf<kWord>::Type;
#pragma unroll
  for (int i = 0; i < kBytes / kWord; ++i) {
    constexpr int kEach = kWord / static_cast<int>(sizeof(T));
    const Word word = *reinterpret_cast<const Word*>(from + i * kEach);
    T elements[kEach];
    memcpy(elements, &word, sizeof word);
#pragma unroll
    for (int j = 0; j < kEach; ++j) v[i * kEach + j] = static_cast<float>(elements[j]);
  }
}

template <int Width, class T>
__device__ __forceinline__ void store_vector(T* to, const float* v) {
  constexpr int kBytes = Width * static_cast<int>(sizeof(T)), kWord = kBytes < 16 ? kBytes : 16;
  using Word = typename WordOf<kWord>::Type;
#pragma unroll
  for (int i = 0; i < kBytes / kWord; ++i) {
    constexpr int kEach = kWord / static_cast<int>(sizeof(T));
    T elements[kEach];
#pragma unroll
    for (int j = 0; j < kEach; ++j) elements[j] = static_cast<T>(v[i * kEach + j]);
    Word word;
    memcpy(&word, elements, sizeof word);
    *reinterpret_cast<Word*>(to + i * kEach) = word;
  }
}

// Calls f<Width>() with the run-time width, 8, 4, 2 or 1.
template <class F>
__device__ __forceinline__ void by_width(int width, const F& f) {
  switch (width) {
    case 8:
      return f.template operator()<8>();
    case 4:
      return f.template operator()<4>();
    case 2:
      return f.template operator()<2>();
    default:
      return f.template operator()<1>();
  }
}

}  // namespace diptych
