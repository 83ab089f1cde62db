// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", 2011). A number is a pure function of (seed, stream, counter), so runs repeat and
// resume whatever the thread count.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace diptych {

// Ten rounds of Philox4x32.
inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                          std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// A sequence of draws, identified by (seed, stream, index): for example seed of the run, purpose,
// sample number.
class Rng {
 public:
  Rng(uint64_t seed, uint32_t stream, uint64_t index)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        base_{0, stream, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)} {}

  uint32_t next_u32() {
    if (used_ == 4) {
      block_ = philox4x32(base_, key_);
      ++base_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  // Uniform in [0,1), 24 bits: exact in f32.
  float uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24f; }

  float uniform(float low, float high) { return low + (high - low) * uniform(); }

  // Uniform integer in [0, n), n >= 1 (multiply-shift; bias below n / 2^32).
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((uint64_t{next_u32()} * n) >> 32); }

  // Standard normal (Box-Muller; two draws of uniform() each).
  float normal() {
    const float u = 1.0f - uniform();  // (0,1]
    const float v = uniform();
    return std::sqrt(-2.0f * std::log(u)) * std::cos(6.28318530717958648f * v);
  }

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> base_;
  std::array<uint32_t, 4> block_{};
  uint32_t used_ = 4;
};

}  // namespace diptych
