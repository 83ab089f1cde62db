// Free lists by size class under one lock. Large blocks ask for huge pages: a training step walks
// hundreds of megabytes.
// SPDX-License-Identifier: MIT
#include "tensor/allocator.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include <sys/mman.h>

#include "kernels/common/check.h"
#include "tensor/device_pool.h"

namespace diptych {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Pool {
  std::mutex mutex;
  std::map<size_t, std::vector<void*>> free_blocks;  // size class -> blocks
  AllocatorStats stats;
};

Pool& pool() {
  static Pool* instance = new Pool;  // never destroyed: tensors with static lifetime may outlive it
  return *instance;
}

// Four classes per power of two above 4 KiB: at most 25 % of a block is slack.
void* system_allocate(size_t block) {
  const size_t alignment = block >= kHugePage ? kHugePage : 64;
  const size_t rounded = (block + alignment - 1) / alignment * alignment;
  void* p = std::aligned_alloc(alignment, rounded);
  if (p && block >= kHugePage) madvise(p, rounded, MADV_HUGEPAGE);
  return p;
}

}  // namespace

size_t size_class(size_t bytes) {
  size_t block = 64;
  while (block < bytes && block < 4096) block *= 2;
  if (block >= bytes) return block;
  size_t power = 4096;
  while (power * 2 < bytes) power *= 2;
  const size_t step = power / 4;
  return (bytes + step - 1) / step * step;
}

std::shared_ptr<void> allocate(size_t bytes, Place place) {
  if (place == Place::kDevice) return current_pool().allocate(bytes);
  const size_t block = size_class(bytes);
  Pool& p = pool();
  void* memory = nullptr;
  {
    const std::lock_guard lock(p.mutex);
    std::vector<void*>& list = p.free_blocks[block];
    if (!list.empty()) {
      memory = list.back();
      list.pop_back();
      p.stats.cached_bytes -= block;
    }
  }
  if (!memory) memory = system_allocate(block);
  if (!memory) {
    release_cached_memory();
    memory = system_allocate(block);
  }
  DIPTYCH_CHECK(memory, "allocate: no memory for ", bytes, " bytes; live ",
                allocator_stats().live_bytes);
  {
    const std::lock_guard lock(p.mutex);
    p.stats.live_bytes += block;
    p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
  }
  return {memory, [block](void* freed) {
            Pool& owner = pool();
            const std::lock_guard lock(owner.mutex);
            owner.free_blocks[block].push_back(freed);
            owner.stats.live_bytes -= block;
            owner.stats.cached_bytes += block;
          }};
}

AllocatorStats allocator_stats(Place place) {
  if (place == Place::kDevice) return device_stats();
  const std::lock_guard lock(pool().mutex);
  return pool().stats;
}

void reset_allocator_peak(Place place) {
  if (place == Place::kDevice) {
    device_stats().peak_bytes = device_stats().live_bytes;
    return;
  }
  const std::lock_guard lock(pool().mutex);
  pool().stats.peak_bytes = pool().stats.live_bytes;
}

void release_cached_memory(Place place) {
  if (place == Place::kDevice) return current_pool().release_cached();
  const std::lock_guard lock(pool().mutex);
  for (auto& [block, list] : pool().free_blocks) {
    for (void* memory : list) std::free(memory);
    list.clear();
  }
  pool().stats.cached_bytes = 0;
}

}  // namespace diptych
