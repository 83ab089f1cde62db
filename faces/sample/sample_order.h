// Which face is sample number k (spec samples.md 7). A pure function of (seed, side, k): random
// order without repetition, shuffled anew every epoch, so a run resumes at any k.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "faces/sample/random_source.h"

namespace diptych {

// Endless sequence of permutations of 0..count-1. `key` separates sequences of one stream. Safe to
// call from several threads.
class ShuffledSequence {
 public:
  ShuffledSequence(int count, uint64_t seed, uint32_t stream, uint32_t key = 0);
  ~ShuffledSequence();
  ShuffledSequence(ShuffledSequence&&) noexcept;

  int count() const { return count_; }

  int at(uint64_t k) const;

 private:
  struct Cache;
  int count_;
  uint64_t seed_;
  uint32_t stream_, key_;
  std::unique_ptr<Cache> cache_;
};

// Faces in plain shuffled order.
class SampleOrder {
 public:
  SampleOrder(int faces, uint64_t seed, int side);
  // Uniform over yaw: 128 bins from -1.2 to 1.2 rad, each bin that holds a face equally likely.
  // yaw: radians by the sign of Pose.
  SampleOrder(const std::vector<double>& yaw, uint64_t seed, int side);

  int at(uint64_t k) const;

 private:
  ShuffledSequence outer_;              // faces, or bins
  std::vector<std::vector<int>> bins_;  // faces of each bin that is not empty
  std::vector<ShuffledSequence> in_bin_;
};

// Bin 0..127 of a yaw: edges -1.2 + 2.4 g / 127 over s = -yaw; the ends take what lies beyond.
int yaw_bin(double yaw);

}  // namespace diptych
