// What mbarriers, the proxy fence and bulk tensor copies (TMA) do when the CPU plays the GPU.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cstring>

#include "kernels/common/cuda/tma_store.cuh"
#include "kernels/common/simt/check_hooks.h"
#include "kernels/common/simt/machine.h"

namespace diptych::simt {

namespace {

constexpr unsigned kMostCount = (1u << 20) - 1;  // of an mbarrier's arrivals, and of its bytes

struct Fields {  // of an mbarrier's 64 bits; the hardware's layout is its own secret
  uint64_t phase : 1, expected : 20, pending : 20;
  int64_t bytes : 23;
};

Fields get(const Mbarrier* b, Site at) {
  const auto f = std::bit_cast<Fields>(b->word);
  if (b->word == ~uint64_t{0} || f.expected == 0) fail(at, "mbarrier used before init");
  return f;
}

void put(Mbarrier* b, Fields f) {
  if (f.pending == 0 && f.bytes == 0) {
    f.phase ^= 1;
    f.pending = f.expected;
  }
  b->word = std::bit_cast<uint64_t>(f);
}

// Calls element(address in global memory or null, address in the tile) for each of a box's
// elements. Swizzling works on address bits; within the block they are offsets from its base.
template <class Element>
void for_each_element(const BulkCopy& copy, const Element& element) {
  const TensorMap& m = copy.map;
  const auto base = reinterpret_cast<uintptr_t>(shared_base());
  uintptr_t to = reinterpret_cast<uintptr_t>(copy.tile) - base;
  unsigned n[kMaxTensorRank] = {1, 1, 1, 1, 1}, c[kMaxTensorRank];
  for (int i = 0; i < m.rank; ++i) n[i] = m.extent(i);
  for (c[4] = 0; c[4] < n[4]; ++c[4])
    for (c[3] = 0; c[3] < n[3]; ++c[3])
      for (c[2] = 0; c[2] < n[2]; ++c[2])
        for (c[1] = 0; c[1] < n[1]; ++c[1])
          for (c[0] = 0; c[0] < n[0]; ++c[0], to += m.element_bytes()) {
            bool in = true;
            uint64_t offset = 0;
            for (int i = 0; i < m.rank; ++i) {
              const int64_t p = copy.at[i] + int64_t{c[i]} * m.step[i];
              in &= p >= 0 && p < static_cast<int64_t>(m.size[i]);
              offset += static_cast<uint64_t>(p) * m.stride[i];
            }
            char* const global = in ? static_cast<char*>(m.base) + offset : nullptr;
            element(global, reinterpret_cast<char*>(base + swizzled(m.swizzle, to)));
          }
}

BulkCopy make_copy(
    const TensorMap& map, void* tile, Mbarrier* bar, int rank, const int* at, Site site) {
  if (map.rank != rank) fail(site, "TMA: the tensor map has ", map.rank, " dimensions, not ", rank);
  need_aligned(tile, map.swizzle == Swizzle::kNone ? 128 : 1024, "TMA", site);
  BulkCopy copy{map, {}, static_cast<unsigned char*>(tile), bar, site};
  for (int i = 0; i < rank; ++i) copy.at[i] = at[i];
  return copy;
}

}  // namespace

void mbarrier_init(Mbarrier* b, unsigned count, Site at) {
  const Inside inside;
  need_aligned(b, 8, "mbarrier", at);
  if (count < 1 || count > kMostCount)
    fail(at, "mbarrier of ", count, " arrivals, of 1 to ", kMostCount);
  b->word = std::bit_cast<uint64_t>(Fields{0, count, count, 0});
}

void mbarrier_arrive(Mbarrier* b, unsigned bytes, Site at) {
  const Inside inside;
  Fields f = get(b, at);
  if (f.pending == 0)
    fail(at, "more arrivals at an mbarrier than its count of ", static_cast<int>(f.expected));
  check_mbarrier_arrive(b);
  f.bytes += bytes;
  if (f.bytes > int64_t{kMostCount})
    fail(at, "an mbarrier expects ", static_cast<int64_t>(f.bytes), " bytes, at most ", kMostCount);
  --f.pending;
  put(b, f);
  poll(true, at);
  yield(at);
}

void mbarrier_wait(Mbarrier* b, unsigned parity, Site at) {
  const Inside inside;
  while (get(b, at).phase == parity) poll(false, at);
  poll(true, at);
  check_mbarrier_wait(b);
}

void proxy_fence() {
  const Inside inside;
  check_proxy_fence();
}

void tma_load(void* to, const TensorMap& map, Mbarrier* bar, int rank, const int* at, Site site) {
  const Inside inside;
  const BulkCopy copy = make_copy(map, to, bar, rank, at, site);
  note(to, map.tile_bytes(), Access::kIssue, site);
  std::memset(to, 0xff, map.tile_bytes());  // whoever reads it early reads NaNs
  machine->engine.push_back(copy);
}

void BulkCopy::load() const {
  const size_t bytes = map.element_bytes();
  for_each_element(*this, [&](const char* global, char* in_tile) {
    if (!global) {
      std::memset(in_tile, 0, bytes);
      return;
    }
    std::memcpy(in_tile, global, bytes);
    note(global, bytes, Access::kRead, site);
  });
  check_engine_write(tile, map.tile_bytes(), barrier, site);
  Fields f = get(barrier, site);
  f.bytes -= static_cast<int64_t>(map.tile_bytes());
  put(barrier, f);
}

void tma_store(const TensorMap& map, const void* from, int rank, const int* at, Site site) {
  const Inside inside;
  machine->current->stores.add(make_copy(map, const_cast<void*>(from), nullptr, rank, at, site));
}

void BulkCopy::run() const {
  const size_t bytes = map.element_bytes();
  for_each_element(*this, [&](char* global, const char* in_tile) {
    note(in_tile, bytes, Access::kAsyncRead, site);
    if (!global) return;
    std::memcpy(global, in_tile, bytes);
    note(global, bytes, Access::kWrite, site);
  });
}

void tma_store_commit_group() {
  const Inside inside;
  machine->current->stores.commit();
}

void tma_store_wait_group(int n, Site at) {
  const Inside inside;
  yield(at);
  machine->current->stores.wait(n);
}

}  // namespace diptych::simt
