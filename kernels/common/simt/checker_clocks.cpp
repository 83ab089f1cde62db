// The checker's clocks, and what of the machine's doings moves them.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <unordered_map>

#include "kernels/common/simt/check_hooks.h"
#include "kernels/common/simt/checker.h"

namespace diptych::simt {

Clocks clocks;

namespace {

void raise(Clocks::Row& to, const uint32_t* from) {
  for (size_t t = 0; t < to.size(); ++t) to[t] = std::max(to[t], from[t]);
}

}  // namespace

void Clocks::begin_block(int threads) {
  row_ = static_cast<size_t>(threads) + 1;
  known_.assign(static_cast<size_t>(threads) * row_, 0);
  fenced_.assign(static_cast<size_t>(threads) * row_, 0);
  any_fence_ = false;
  barrier_time_ = now_++;
}

void Clocks::gather(int u, Carried& all) const {
  raise(all.known, &known_[index(u, 0)]);
  raise(all.fenced, &fenced_[index(u, 0)]);
}

void Clocks::spread(int u, const Carried& all) {
  std::copy(all.known.begin(), all.known.end(), &known_[index(u, 0)]);
  std::copy(all.fenced.begin(), all.fenced.end(), &fenced_[index(u, 0)]);
}

void Clocks::barrier() {
  barrier_time_ = now_++;
  if (!any_fence_) return;
  Row all(row_, 0);
  const int threads = static_cast<int>(row_) - 1;
  for (int u = 0; u < threads; ++u) raise(all, &fenced_[index(u, 0)]);
  for (int u = 0; u < threads; ++u) std::copy(all.begin(), all.end(), &fenced_[index(u, 0)]);
}

void Clocks::join(int first, unsigned lanes) {
  Carried all{Row(row_, 0), Row(row_, 0)};
  for (unsigned s = lanes; s; s &= s - 1) {
    const int u = first + std::countr_zero(s);
    gather(u, all);
    all.known[static_cast<size_t>(u)] = now_;
  }
  for (unsigned s = lanes; s; s &= s - 1) spread(first + std::countr_zero(s), all);
  ++now_;
}

void Clocks::join_warps(const std::vector<std::pair<int, unsigned>>& warps) {
  Carried all{Row(row_, 0), Row(row_, 0)};
  for (const auto& [w, lanes] : warps) {
    join(w * kLanes, lanes);
    gather(w * kLanes + std::countr_zero(lanes), all);
  }
  for (const auto& [w, lanes] : warps)
    for (unsigned s = lanes; s; s &= s - 1) spread(w * kLanes + std::countr_zero(s), all);
}

// `count` threads from `first` learn of what `me` has done.
void Clocks::tell(int me, int first, int count) {
  for (int u = first; u < first + count; ++u) known_[index(u, static_cast<size_t>(me))] = now_;
  ++now_;
}

// All that the thread has done, or knows of, has now passed the fence.
void Clocks::fence(int me) {
  any_fence_ = true;
  for (size_t t = 0; t < row_; ++t)
    fenced_[index(me, t)] = std::max({fenced_[index(me, t)], known_[index(me, t)], barrier_time_});
  fenced_[index(me, static_cast<size_t>(me))] = now_++;
}

void Clocks::arrive(int me, Carried& barrier) {
  barrier.known.resize(row_);
  barrier.fenced.resize(row_);
  known_[index(me, static_cast<size_t>(me))] = now_++;
  gather(me, barrier);
}

void Clocks::wait(int me, const Carried& barrier) {
  for (size_t t = 0; t < barrier.known.size(); ++t) {
    known_[index(me, t)] = std::max(known_[index(me, t)], barrier.known[t]);
    fenced_[index(me, t)] = std::max(fenced_[index(me, t)], barrier.fenced[t]);
  }
}

void Clocks::engine_arrives(Carried& barrier) {
  barrier.known.resize(row_);
  barrier.fenced.resize(row_);
  barrier.known[engine()] = now_++;
}

// ---- what the machine tells -----------------------------------------------------------------

void check_barrier() {
  clocks.barrier();
}

void check_named_barrier(const Machine& m, const Barrier& b) {
  std::vector<std::pair<int, unsigned>> warps;
  for (int w = 0; w * kLanes < m.count; ++w)
    if (b.waiting[w]) warps.emplace_back(w, b.waiting[w]);
  clocks.join_warps(warps);
}

void check_warp_sync(int warp, unsigned lanes) {
  clocks.join(warp * kLanes, lanes);
}

// A wait for wgmma is no barrier: threads of the group learn that the operands have been read,
// which the current thread stands for, and nothing of each other.
void check_wgmma_wait(int group) {
  clocks.tell(machine->me(), group * kLanesOfGroup, kLanesOfGroup);
}

void check_proxy_fence() {
  clocks.fence(machine->me());
}

}  // namespace diptych::simt
