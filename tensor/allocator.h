// Caching allocator for tensors: size classes, free lists, counters for live and peak bytes. On the
// host one pool serves everybody. On a device blocks belong to a stream: a block that was let go is
// handed out again at once, to work that comes after it in the same stream.
//
// With DIPTYCH_GUARD_BANDS=1 in the environment, device blocks end in a band of known bytes;
// check_guard_bands() finds who wrote over one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/common/stream.h"

namespace diptych {

// 64-byte aligned block of at least `bytes` of host memory (device: 256-byte aligned, in the pool
// of current_stream(), which must be a device stream); goes back to its free list when the last
// owner lets go. Throws Error naming the size when there is no memory left.
std::shared_ptr<void> allocate(size_t bytes, Place place = Place::kHost);

struct AllocatorStats {
  size_t live_bytes = 0;    // handed out now
  size_t peak_bytes = 0;    // highest live_bytes since reset_peak()
  size_t cached_bytes = 0;  // in free lists
};

AllocatorStats allocator_stats(Place place = Place::kHost);
void reset_allocator_peak(Place place = Place::kHost);
// Gives cached blocks back to the system; of a device, those of current_stream().
void release_cached_memory(Place place = Place::kHost);

// Throws Error naming the sizes of the blocks whose guard band was written over.
void check_guard_bands();

// Device blocks allocated in its scope come from a pool of their own and are never handed to
// anybody outside: a recorded graph owns the memory that it works in. Keep it as long as the graph.
class PrivatePool {
 public:
  PrivatePool();
  ~PrivatePool();
  PrivatePool(const PrivatePool&) = delete;
  PrivatePool& operator=(const PrivatePool&) = delete;

  class Scope {
   public:
    explicit Scope(PrivatePool& pool);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::shared_ptr<struct DevicePool> previous_;
  };

 private:
  std::shared_ptr<struct DevicePool> pool_;
};

}  // namespace diptych
