// Which face is sample number k (spec samples.md 7). A pure function of (seed, side, k): random
// order without repetition, shuffled anew every epoch, so a run resumes at any k.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  ShuffledSequence& operator=(ShuffledSequence&&) noexcept;

  int count() const { return count_; }

  int at(uint64_t k) const;

 private:
  struct Cache;
  int count_;
  uint64_t seed_;
  uint32_t stream_, key_;
  std::unique_ptr<Cache> cache_;
};

class SampleOrder {
 public:
  // Faces in plain shuffled order.
  SampleOrder(int faces, uint64_t seed, int side);
  // Uniform over yaw: 128 bins from -1.2 to 1.2 rad, each bin that holds a face equally likely.
  // yaw: radians by the sign of Pose.
  SampleOrder(const std::vector<double>& yaw, uint64_t seed, int side);

  // Face i comes repeats[i] >= 1 times, not once, in every round over all faces, or over those of
  // its yaw bin: the bins stay equally likely. The order is then a function of repeats too.
  void set_repeats(const std::vector<int>& repeats);

  int at(uint64_t k) const;

 private:
  void draw_from(std::vector<std::vector<int>> lists);

  uint64_t seed_;
  int side_;
  size_t faces_;
  std::optional<ShuffledSequence> bin_order_;  // only when uniform over yaw
  std::vector<std::vector<int>> lists_;        // all faces, or those of each bin that is not empty
  std::vector<std::vector<int>> drawn_;        // the same with repeats
  std::vector<ShuffledSequence> in_list_;
};

// Bin 0..127 of a yaw: edges -1.2 + 2.4 g / 127 over s = -yaw; the ends take what lies beyond.
int yaw_bin(double yaw);

}  // namespace diptych
