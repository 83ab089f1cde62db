// Device memory by size class. Blocks are reused in stream order: nothing waits.
// SPDX-License-Identifier: MIT
#include "tensor/device_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/common/check.h"
#include "kernels/common/device.h"
#include "tensor/tensor.h"

namespace diptych {

namespace {

constexpr size_t kBand = 256;
constexpr unsigned char kBandByte = 0xa5;

bool guard_bands() {
  static const char* const text = std::getenv("DIPTYCH_GUARD_BANDS");
  return text && std::strcmp(text, "0") != 0;
}

// The pool of a stream lives in the stream.
struct PoolOfStream : StreamState {
  std::shared_ptr<DevicePool> pool = std::make_shared<DevicePool>();

  static std::unique_ptr<StreamState>& slot(Stream& stream) { return stream.memory_pool; }
};

std::shared_ptr<DevicePool>& private_pool() {
  thread_local std::shared_ptr<DevicePool> innermost;
  return innermost;
}

std::mutex stats_mutex;

void count(size_t block, bool handed_out, bool from_cache) {
  const std::lock_guard lock(stats_mutex);
  AllocatorStats& s = device_stats();
  if (handed_out) {
    s.live_bytes += block;
    s.peak_bytes = std::max(s.peak_bytes, s.live_bytes);
    if (from_cache) s.cached_bytes -= block;
  } else {
    s.live_bytes -= block;
    s.cached_bytes += block;
  }
}

}  // namespace

AllocatorStats& device_stats() {
  static AllocatorStats stats;
  return stats;
}

DevicePool::~DevicePool() {
  release_cached();
}

void* DevicePool::take(size_t block) {
  std::vector<void*>& list = free_blocks_[block];
  if (list.empty()) return nullptr;
  void* const memory = list.back();
  list.pop_back();
  return memory;
}

std::shared_ptr<void> DevicePool::allocate(size_t bytes) {
  const size_t band = guard_bands() ? kBand : 0;
  const size_t block = size_class(std::max(bytes, device::kAlignment)) + band;
  void* memory = nullptr;
  {
    const std::lock_guard lock(mutex_);
    memory = take(block);
  }
  const bool cached = memory != nullptr;
  if (!memory) {
    try {
      memory = device::allocate(block);
    } catch (const Error&) {
      release_cached();
      memory = device::allocate(block);
    }
    if (band) {
      device::fill_bytes(current_stream().cuda(),
                         static_cast<unsigned char*>(memory) + block - band, kBandByte, band);
    }
  }
  count(block, true, cached);
  {
    const std::lock_guard lock(mutex_);
    live_[memory] = block;
  }
  return {memory, [owner = shared_from_this(), block](void* p) { owner->give_back(p, block); }};
}

void DevicePool::give_back(void* memory, size_t block) {
  {
    const std::lock_guard lock(mutex_);
    live_.erase(memory);
    free_blocks_[block].push_back(memory);
  }
  count(block, false, false);
}

void DevicePool::release_cached() {
  const std::lock_guard lock(mutex_);
  size_t released = 0;
  for (auto& [block, list] : free_blocks_) {
    for (void* memory : list) device::release(memory);
    released += block * list.size();
    list.clear();
  }
  const std::lock_guard stats_lock(stats_mutex);
  device_stats().cached_bytes -= released;
}

void DevicePool::check_guards(CudaStream stream, std::string& broken) {
  const std::lock_guard lock(mutex_);
  std::vector<unsigned char> band(kBand);
  const auto check = [&](void* memory, size_t block) {
    device::download(stream, band.data(), static_cast<unsigned char*>(memory) + block - kBand,
                     kBand);
    if (std::all_of(band.begin(), band.end(), [](unsigned char b) { return b == kBandByte; }))
      return;
    broken += str(broken.empty() ? "" : ", ", block - kBand);
  };
  for (const auto& [memory, block] : live_) check(memory, block);
  for (const auto& [block, list] : free_blocks_)
    for (void* memory : list) check(memory, block);
}

DevicePool& current_pool() {
  if (private_pool()) return *private_pool();
  Stream& stream = current_stream();
  DIPTYCH_CHECK(stream.on_device(), "allocate: device memory asked for in a stream of engine ",
                name_of(stream.engine()));
  return *stream.state<PoolOfStream>().pool;
}

void check_guard_bands() {
  if (!guard_bands()) return;
  std::string broken;
  Stream& stream = current_stream();
  if (!stream.on_device()) return;
  stream.state<PoolOfStream>().pool->check_guards(stream.cuda(), broken);
  if (private_pool()) private_pool()->check_guards(stream.cuda(), broken);
  DIPTYCH_CHECK(broken.empty(), "check_guard_bands: a kernel wrote behind blocks of ", broken,
                " bytes");
}

PrivatePool::PrivatePool() : pool_(std::make_shared<DevicePool>()) {}

PrivatePool::~PrivatePool() = default;

PrivatePool::Scope::Scope(PrivatePool& pool) : previous_(private_pool()) {
  private_pool() = pool.pool_;
}

PrivatePool::Scope::~Scope() {
  private_pool() = previous_;
}

}  // namespace diptych
