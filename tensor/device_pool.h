// Blocks of device memory of one stream, or of one recorded graph.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tensor/allocator.h"

namespace diptych {

struct DevicePool : std::enable_shared_from_this<DevicePool> {
  ~DevicePool();

  std::shared_ptr<void> allocate(size_t bytes);
  void release_cached();
  void check_guards(CudaStream stream, std::string& broken);

 private:
  void* take(size_t block);
  void give_back(void* memory, size_t block);

  std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_blocks_;  // size class -> blocks
  std::map<void*, size_t> live_;                      // block -> size class
};

// The pool that allocate() takes device blocks from now.
DevicePool& current_pool();

// Of all pools together.
AllocatorStats& device_stats();

// Rounds up to a size class: powers of two below 4 KiB, then four steps per octave.
size_t size_class(size_t bytes);

}  // namespace diptych
