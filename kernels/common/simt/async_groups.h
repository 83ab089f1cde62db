// Asynchronous operations under way: cp.async, wgmma, bulk loads and stores. Private to the
// emulator.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/cuda/tensor_map.h"
#include "kernels/common/simt/site.h"

namespace diptych::simt {

struct Mbarrier;

// Operations in commit groups, with the rule that cp.async, bulk stores and wgmma share: wait(n)
// leaves at most the n latest groups unfinished.
template <class Op>
class AsyncGroups {
 public:
  void add(const Op& op) {
    ops_.push_back(op);
    group_.push_back(open_);
  }

  void commit() { ++open_; }

  void wait(int n) {
    while (first_ < ops_.size() && group_[first_] < open_ - n) ops_[first_++].run();
    if (first_ == ops_.size()) clear();
  }

  bool empty() const { return ops_.empty(); }

  const Op& last() const { return ops_.back(); }

  void clear() {
    ops_.clear();
    group_.clear();
    first_ = 0;
  }

 private:
  std::vector<Op> ops_;  // in order of issue
  std::vector<int> group_;
  size_t first_ = 0;
  int open_ = 0;
};

struct Copy {  // cp.async: 16 bytes, of which `bytes` come from memory and the rest are zeros
  void* to;
  const void* from;
  int bytes;
  Site at;

  void run() const;
};

struct BulkCopy {  // a TMA box, one way or the other
  TensorMap map;
  int at[5];
  unsigned char* tile;  // in shared memory
  Mbarrier* barrier;    // of a load
  Site site;

  void load() const;
  void run() const;  // store
};

struct Wgmma {
  float* acc[128];  // of each thread of the warp group
  uint64_t a, b;    // descriptors
  int n;
  bool zero, a_mn_major, b_mn_major;
  Site at;

  void run() const;
};

}  // namespace diptych::simt
