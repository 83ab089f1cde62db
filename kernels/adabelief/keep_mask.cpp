// The update mask of learning-rate dropout.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/keep_mask.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/cpu_clones.h"

namespace diptych {

namespace {

constexpr int kPerBlock = 8;  // elements drawn from one Philox block
constexpr int kBlocks = 64;   // blocks worked on together: the rounds run across them

// Philox4x32-10 (Salmon et al. 2011) of kBlocks counters that follow each other, then the choice.
// Arrays instead of one block after the other, so that every line is a vector instruction.
DIPTYCH_CPU_CLONES void draw_blocks(const KeepDraw& draw, uint64_t first_block, float* mask) {
  uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    const uint64_t block = first_block + static_cast<uint64_t>(i);
    c0[i] = static_cast<uint32_t>(block);
    c1[i] = static_cast<uint32_t>(block >> 32);
    c2[i] = draw.stream;
    c3[i] = draw.step;
  }
  uint32_t k0 = static_cast<uint32_t>(draw.seed), k1 = static_cast<uint32_t>(draw.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kBlocks; ++i) {
      const uint64_t p0 = uint64_t{0xD2511F53u} * c0[i];
      const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2[i];
      const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
      const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
      c1[i] = static_cast<uint32_t>(p1);
      c3[i] = static_cast<uint32_t>(p0);
      c0[i] = n0;
      c2[i] = n2;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const uint32_t* const words[4] = {c0, c1, c2, c3};
  const uint32_t threshold = draw.threshold;
  for (int word = 0; word < 4; ++word) {
    const uint32_t* const bits = words[word];
    for (int i = 0; i < kBlocks; ++i) {
      mask[kPerBlock * i + 2 * word] = (bits[i] & 0xffffu) < threshold ? 1.0f : 0.0f;
      mask[kPerBlock * i + 2 * word + 1] = (bits[i] >> 16) < threshold ? 1.0f : 0.0f;
    }
  }
}

}  // namespace

uint32_t keep_threshold(double keep_probability) {
  return static_cast<uint32_t>(std::lround(std::clamp(keep_probability, 0.0, 1.0) * 65536));
}

void draw_keep_mask(const KeepDraw& draw, int64_t first, float* mask, int64_t count) {
  constexpr int64_t kSpan = int64_t{kBlocks} * kPerBlock;
  float whole[kSpan];
  for (int64_t done = 0; done < count;) {
    const int64_t element = first + done;
    const int64_t skip = element % kPerBlock;
    const int64_t n = std::min(count - done, kSpan - skip);
    const auto block = static_cast<uint64_t>(element / kPerBlock);
    if (n == kSpan) {
      draw_blocks(draw, block, mask + done);
    } else {
      draw_blocks(draw, block, whole);
      std::copy_n(whole + skip, n, mask + done);
    }
    done += n;
  }
}

}  // namespace diptych
