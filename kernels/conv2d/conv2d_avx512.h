// What the AVX-512 and AMX sources of conv2d share: the compile target, lane masks, a transpose,
// the placement of outputs.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <immintrin.h>

// The build targets plain x86-64. Code between DIPTYCH_AVX512_BEGIN and _END is compiled for more,
// so nothing there may run before the CPU was asked (winograd::supported(), amx::supported()). GCC
// 12's own intrinsics raise -Wmaybe-uninitialized (its bug 105593).
#define DIPTYCH_AVX512_BEGIN                                                                    \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bw,avx512dq,avx512vl,fma\")") \
      _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")
#define DIPTYCH_AVX512_END _Pragma("GCC diagnostic pop") _Pragma("GCC pop_options")

DIPTYCH_AVX512_BEGIN

namespace diptych {

// Mask of the first `left` lanes of 16.
[[gnu::always_inline]] inline __mmask16 lanes(int64_t left) {
  return static_cast<__mmask16>(left >= 16 ? 0xffff : left <= 0 ? 0 : (1 << left) - 1);
}

// 16x16 of 32-bit elements: out[j] lane i = in[i] lane j.
[[gnu::always_inline]] inline void transpose(const __m512i in[16], __m512i out[16]) {
  __m512i a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(in[i], in[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(in[i], in[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      b[i + 2 * j] = _mm512_unpacklo_epi64(a[i + j], a[i + j + 2]);
      b[i + 2 * j + 1] = _mm512_unpackhi_epi64(a[i + j], a[i + j + 2]);
    }
  }
  for (int j = 0; j < 4; ++j) {  // b[4g+j]: columns j, j+4, j+8, j+12 of rows 4g..4g+3
    const __m512i lo0 = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x44);
    const __m512i hi0 = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xee);
    const __m512i lo1 = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x44);
    const __m512i hi1 = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xee);
    out[j] = _mm512_shuffle_i32x4(lo0, lo1, 0x88);
    out[4 + j] = _mm512_shuffle_i32x4(lo0, lo1, 0xdd);
    out[8 + j] = _mm512_shuffle_i32x4(hi0, hi1, 0x88);
    out[12 + j] = _mm512_shuffle_i32x4(hi0, hi1, 0xdd);
  }
}

// Where 16 channels k.. of an output go. With depth_to_space they can straddle its blocks.
struct Placement {
  bool depth_to_space = false;
  int pieces = 0;
  __mmask16 mask[16];
  int64_t offset[16];  // from base() to lane 0, had all lanes been in this piece

  // Offset of the output of pixel (n,p,q) of (N,P,Q,K).
  int64_t base(int64_t n, int p, int q, int p_count, int q_count, int k_count) const {
    if (!depth_to_space) return ((n * p_count + p) * q_count + q) * k_count;
    return ((n * p_count + p) * 4 * q_count + 2 * q) * (k_count / 4);
  }
};

inline Placement place(int k_count, int q_count, bool depth_to_space, int k) {
  Placement to;
  to.depth_to_space = depth_to_space;
  if (!depth_to_space) {
    to.pieces = 1;
    to.mask[0] = lanes(k_count - k);
    to.offset[0] = k;
    return to;
  }
  const int depth = k_count / 4;
  for (int lane = 0; lane < 16 && k + lane < k_count;) {
    const int block = (k + lane) / depth, end = (block + 1) * depth - k;
    to.mask[to.pieces] = lanes(end) & static_cast<__mmask16>(~lanes(lane));
    to.offset[to.pieces++] =
        (int64_t{block / 2} * 2 * q_count + block % 2) * depth + k - int64_t{block} * depth;
    lane = end;
  }
  return to;
}

}  // namespace diptych

DIPTYCH_AVX512_END
