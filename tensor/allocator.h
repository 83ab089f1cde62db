// Caching allocator for tensors on the CPU: size classes, free lists, counters for live and peak
// bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

namespace diptych {

// 64-byte aligned block of at least `bytes`; goes back to its free list when the last owner lets
// go. Throws Error naming the size when the system has no memory left.
std::shared_ptr<void> allocate(size_t bytes);

struct AllocatorStats {
  size_t live_bytes = 0;    // handed out now
  size_t peak_bytes = 0;    // highest live_bytes since reset_peak()
  size_t cached_bytes = 0;  // in free lists
};

AllocatorStats allocator_stats();
void reset_allocator_peak();
// Gives cached blocks back to the system.
void release_cached_memory();

}  // namespace diptych
