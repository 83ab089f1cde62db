// Where a sample's random numbers come from: the counter-based generator of the project, or any
// other generator that a test wants to replay.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/image_warp/warp_random.h"

namespace diptych {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual double uniform() = 0;  // [0,1)
  virtual double normal() = 0;   // standard normal
  virtual int below(int n) = 0;  // integer in [0, n)

  double uniform(double low, double high) { return low + (high - low) * uniform(); }
};

// Numbers that are a pure function of (seed, side, purpose, sample number): the device draws the
// same (kernels/image_warp).
class SampleRandom final : public RandomSource {
 public:
  SampleRandom(uint64_t seed, int side, SamplePurpose purpose, uint64_t sample)
      : random_(seed, side, purpose, sample) {}

  double uniform() override { return random_.uniform(); }

  double normal() override { return random_.normal(); }

  int below(int n) override { return random_.below(n); }

 private:
  warp::Random random_;
};

}  // namespace diptych
