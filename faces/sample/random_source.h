// Where a sample's random numbers come from: the counter-based generator of the project, or any
// other generator that a test wants to replay.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/rng.h"

namespace diptych {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual double uniform() = 0;  // [0,1)
  virtual double normal() = 0;   // standard normal
  virtual int below(int n) = 0;  // integer in [0, n)

  double uniform(double low, double high) { return low + (high - low) * uniform(); }
};

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

// Stream number of a purpose on a side (0 src, 1 dst) for Rng.
inline uint32_t sample_stream(int side, SamplePurpose purpose) {
  return 0x5A000000u + static_cast<uint32_t>(side) * 256u + static_cast<uint32_t>(purpose);
}

// Numbers that are a pure function of (seed, side, purpose, sample number).
class SampleRandom final : public RandomSource {
 public:
  SampleRandom(uint64_t seed, int side, SamplePurpose purpose, uint64_t sample)
      : rng_(seed, sample_stream(side, purpose), sample) {}

  double uniform() override { return rng_.uniform(); }

  double normal() override { return rng_.normal(); }

  int below(int n) override { return static_cast<int>(rng_.below(static_cast<uint32_t>(n))); }

 private:
  Rng rng_;
};

}  // namespace diptych
