// Keep masks of lr-dropout: which elements of a weight arena move in a step (spec training.md 5.1).
//
//   16-bit draw of element e = half (e mod 8) of the Philox4x32-10 block with
//   key (seed) and counter (e div 8 low, e div 8 high, step, stream)
//   kept when the draw < round(probability * 65536)
// A pure function of (seed, stream, step, element): slices of an arena and any thread count draw
// the same. SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/common/rng.h"

namespace diptych {

struct KeepMask {
  uint64_t seed = 0;
  uint32_t stream = 0, step = 0;
  uint32_t threshold = 65536;  // 65536: keep all

  static KeepMask make(uint64_t seed, uint32_t stream, uint32_t step, float probability) {
    return {seed, stream, step, static_cast<uint32_t>(std::lround(probability * 65536.0f))};
  }

  // The eight draws of elements 8*block .. 8*block+7, as factors 0 or 1.
  void fill(int64_t block, float* factors) const {
    const auto b = static_cast<uint64_t>(block);
    const std::array<uint32_t, 4> words =
        philox4x32({static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32), step, stream},
                   {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    for (int i = 0; i < 8; ++i) {
      const uint32_t draw = (words[static_cast<size_t>(i / 2)] >> (16 * (i % 2))) & 0xFFFFu;
      factors[i] = draw < threshold ? 1.0f : 0.0f;
    }
  }
};

// Calls body(offset, count, factors) over [begin, end) of an array whose element 0 is `first` in
// the arena; factors is null when everything is kept, else it holds `count` zeros and ones.
template <class Body>
void for_each_kept(
    const KeepMask& mask, int64_t first, int64_t begin, int64_t end, const Body& body) {
  if (mask.threshold >= 65536) {
    body(begin, end - begin, static_cast<const float*>(nullptr));
    return;
  }
  constexpr int64_t kChunk = 512;
  alignas(64) float factors[kChunk + 16];
  for (int64_t i = begin; i < end; i += kChunk) {
    const int64_t count = end - i < kChunk ? end - i : kChunk;
    const int64_t from = first + i, block = from / 8;
    for (int64_t b = block; b * 8 < from + count; ++b) mask.fill(b, factors + (b - block) * 8);
    body(i, count, static_cast<const float*>(factors + (from - block * 8)));
  }
}

}  // namespace diptych
