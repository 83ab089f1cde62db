// The checker's parts: vector clocks, shadow cells, places in the source, access counts. Private.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/simt/emulator.h"

namespace diptych::simt {

// Who knows what of whose past. Time is one counter of the whole program; a thread knows another's
// past up to some time, from barriers, __syncwarp, mbarriers and wgmma waits. Beside it runs a
// second set of clocks: the part of that past that a fence.proxy.async has passed since.
class Clocks {
 public:
  using Row = std::vector<uint32_t>;

  struct Carried {  // what an mbarrier carries from arrivals to waits
    Row known, fenced;
  };

  void begin_block(int threads);

  uint32_t now() const { return now_; }

  size_t row() const { return row_; }  // the threads and the copy engine

  unsigned engine() const { return static_cast<unsigned>(row_ - 1); }

  bool knows(int me, unsigned thread, uint32_t time) const {
    return static_cast<int>(thread) == me || time <= barrier_time_ ||
           time <= known_[index(me, thread)];
  }

  bool fenced(int me, unsigned thread, uint32_t time) const {
    return time <= fenced_[index(me, thread)];
  }

  void barrier();  // of the whole block
  void join(int first, unsigned lanes);
  void join_warps(const std::vector<std::pair<int, unsigned>>& warps);
  void tell(int me, int first, int count);
  void fence(int me);
  void arrive(int me, Carried& barrier);
  void wait(int me, const Carried& barrier);
  void engine_arrives(Carried& barrier);

 private:
  size_t index(int me, size_t thread) const { return static_cast<size_t>(me) * row_ + thread; }

  void gather(int u, Carried& all) const;
  void spread(int u, const Carried& all);

  uint32_t now_ = 1, barrier_time_ = 0;  // accesses up to barrier_time_ are known to all
  size_t row_ = 0;
  Row known_, fenced_;  // row_ entries for each thread
  bool any_fence_ = false;
};

extern Clocks clocks;

// Places in the source, as numbers: a Site, or the return address of a call the compiler made.
uint32_t where(Site at);
uint32_t where(const void* return_address);
std::string place(uint32_t where);

// One access by a thread: checks it, and counts banks and sectors.
void access(const void* p, size_t bytes, Access access, uint32_t where);

// Counts the access as part of its warp's request.
struct Visit {
  uint32_t where;
  uintptr_t address;
  size_t bytes;
  bool is_shared;
  int thread;
};

void count_visit(const Visit& visit);
void count_open_requests();  // at the end of a block

}  // namespace diptych::simt
