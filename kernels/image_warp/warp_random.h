// The random numbers of a sample: Philox4x32-10 by the counters of kernels/common/rng.h, for host
// and device, word by word or in order.
// SPDX-License-Identifier: MIT
//
// Uniform numbers and integers are the same bits everywhere. normal() is Rng::normal() on the host.
// On a GPU its logarithm and cosine are taken in double and rounded, which is correct to the last
// bit for every one of the 2^24 arguments each can have; the host's logf and cosf are one bit off
// for 0.7 % and 1.3 % of them (glibc 2.36). So a GPU's normal is within 5 * 2^-24 of
// the host's, relatively: one such bit each, half of it through the root, and two roundings.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/image_warp/host_device.h"

namespace diptych {

// What a stream of random numbers is used for. Every purpose of a side has its own stream.
enum class SamplePurpose : uint32_t {
  kGeometry,
  kWarp,
  kJitter,
  kOrder,
  kBinOrder,
  kReferenceOrder,
  kColourTransfer
};

// Stream number of a purpose on a side (0 src, 1 dst).
DIPTYCH_HOST_DEVICE uint32_t sample_stream(int side, SamplePurpose purpose) {
  return 0x5A000000u + static_cast<uint32_t>(side) * 256u + static_cast<uint32_t>(purpose);
}

namespace warp {

struct RandomBlock {
  uint32_t w[4];
};

// Words 4 * number .. 4 * number + 3 of the stream: philox4x32 of rng.h.
DIPTYCH_HOST_DEVICE RandomBlock random_block(uint64_t seed,
                                             uint32_t stream,
                                             uint64_t sample,
                                             uint32_t number) {
  RandomBlock c{
      {number, stream, static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)}};
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c.w[0], p1 = uint64_t{0xCD9E8D57u} * c.w[2];
    c = {{static_cast<uint32_t>(p1 >> 32) ^ c.w[1] ^ k0, static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ c.w[3] ^ k1, static_cast<uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// Uniform in [0,1), 24 bits.
DIPTYCH_HOST_DEVICE float unit_of(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

// Integer in [0, n).
DIPTYCH_HOST_DEVICE int below_of(uint32_t word, int n) {
  return static_cast<int>(uint64_t{word} * static_cast<uint32_t>(n) >> 32);
}

// Standard normal of two words (Box-Muller).
DIPTYCH_HOST_DEVICE float normal_of(uint32_t first, uint32_t second) {
  const float u = 1.0f - unit_of(first);  // (0,1]
  const float turn = product(6.28318530717958648f, unit_of(second));
#ifdef __CUDA_ARCH__
  const float log_u = static_cast<float>(log(static_cast<double>(u)));
  const float cos_turn = static_cast<float>(cos(static_cast<double>(turn)));
#else
  const float log_u = std::log(u), cos_turn = std::cos(turn);
#endif
  return product(sqrtf(-2.0f * log_u), cos_turn);
}

// The numbers of one stream in order: a pure function of (seed, side, purpose, sample).
class Random {
 public:
  DIPTYCH_HOST_DEVICE Random(uint64_t seed, int side, SamplePurpose purpose, uint64_t sample)
      : seed_(seed), sample_(sample), stream_(sample_stream(side, purpose)) {}

  DIPTYCH_HOST_DEVICE uint32_t next_u32() {
    if (used_ % 4 == 0) block_ = random_block(seed_, stream_, sample_, used_ / 4);
    return block_.w[used_++ % 4];
  }

  DIPTYCH_HOST_DEVICE double uniform() { return unit_of(next_u32()); }

  DIPTYCH_HOST_DEVICE double uniform(double low, double high) {
    return low + product(high - low, uniform());
  }

  DIPTYCH_HOST_DEVICE int below(int n) { return below_of(next_u32(), n); }

  DIPTYCH_HOST_DEVICE double normal() {
    const uint32_t first = next_u32();
    return normal_of(first, next_u32());
  }

 private:
  uint64_t seed_, sample_;
  uint32_t stream_;
  uint32_t used_ = 0;
  RandomBlock block_{};
};

}  // namespace warp

}  // namespace diptych
