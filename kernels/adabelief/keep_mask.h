// The update mask of learning-rate dropout, for every optimizer (spec training.md 5.1).
//
//   block = e / 8, word = (e % 8) / 2, half = e % 2 (0 low, 1 high)
//   bits  = that 16-bit half of that word of Philox(counter, key)
//           counter {block low, block high, stream, step}, key {seed low, seed high}
//   element e is kept when bits < round(65536 * keep_probability)
// So a draw depends on nothing but these numbers: not on slices, threads or the order of work.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych {

struct KeepDraw {
  uint64_t seed = 0;
  uint32_t stream = 0, step = 0;
  uint32_t threshold = 65536;  // of 65536
};

uint32_t keep_threshold(double keep_probability);

// mask[i] = 1 when element first + i moves, else 0, for i = 0..count-1.
void draw_keep_mask(const KeepDraw& draw, int64_t first, float* mask, int64_t count);

}  // namespace diptych
