// The device of engine sim: the emulator, with memory of its own.
// SPDX-License-Identifier: MIT
#include "kernels/common/device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "kernels/common/check.h"
#include "kernels/common/simt/recording.h"

namespace diptych::device {

namespace {

constexpr int kDefaultChip = 90;

size_t memory_of_machine() {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
}

// One stretch of addresses; pages appear when they are first written. Open while a kernel or a copy
// runs, closed to everybody otherwise.
class Heap {
 public:
  static Heap& instance() {
    static Heap* heap = new Heap;  // tensors with static lifetime may outlive the rest
    return *heap;
  }

  void* allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t block = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    size_t offset = take_free(block);
    if (offset == kNone) {
      offset = used_;
      DIPTYCH_CHECK(used_ + block <= size_, "device::allocate: ", bytes, " bytes wanted, ",
                    live_bytes(), " are in use and ", size_ - used_,
                    " are free; use a smaller batch or network");
      used_ += block;
      if (open_ > 0) protect(PROT_READ | PROT_WRITE);
    }
    live_[offset] = block;
    return base_ + offset;
  }

  void release(void* memory) {
    const std::lock_guard lock(mutex_);
    const auto at = live_.find(static_cast<size_t>(static_cast<unsigned char*>(memory) - base_));
    if (at == live_.end()) return;
    free_.emplace(at->second, at->first);
    live_.erase(at);
  }

  void open() {
    const std::lock_guard lock(mutex_);
    if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
  }

  void close() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) protect(PROT_NONE);
  }

  size_t size() const { return size_; }

  size_t free_bytes() {
    const std::lock_guard lock(mutex_);
    return size_ - live_bytes();
  }

 private:
  static constexpr size_t kNone = ~size_t{0};

  Heap() : size_(memory_of_machine()) {
    void* const p =
        mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    DIPTYCH_CHECK(p != MAP_FAILED, "device: no address space for ", size_, " bytes");
    base_ = static_cast<unsigned char*>(p);
    simt::around_launches([] { instance().open(); }, [] { instance().close(); });
  }

  size_t take_free(size_t block) {
    const auto found = free_.find(block);
    if (found == free_.end()) return kNone;
    const size_t offset = found->second;
    free_.erase(found);
    return offset;
  }

  size_t live_bytes() const {
    size_t sum = 0;
    for (const auto& [offset, block] : live_) sum += block;
    return sum;
  }

  void protect(int access) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
    if (used_ > 0) mprotect(base_, (used_ + page - 1) / page * page, access);
  }

  std::mutex mutex_;
  unsigned char* base_ = nullptr;
  size_t size_, used_ = 0;
  int open_ = 0;                        // kernels and copies under way
  std::map<size_t, size_t> live_;       // offset -> bytes
  std::multimap<size_t, size_t> free_;  // bytes -> offset
};

class Open {
 public:
  Open() { Heap::instance().open(); }

  ~Open() { Heap::instance().close(); }

  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
};

int chip_of_environment() {
  const char* const text = std::getenv("DIPTYCH_SIM_CHIP");
  return text ? std::atoi(text) : kDefaultChip;
}

void refuse_while_recording(const char* what) {
  DIPTYCH_CHECK(!simt::recording(), "device::", what, ": cannot be recorded into a graph");
}

}  // namespace

const DeviceInfo& info() {
  static const DeviceInfo sim = {.name = "emulator on the CPU",
                                 .chip = chip_of_environment(),
                                 .multiprocessors = 1,
                                 .total_bytes = Heap::instance().size(),
                                 .free_bytes = Heap::instance().free_bytes()};
  return sim;
}

std::string trouble() {
  return "";
}

CudaStream make_stream() {
  return nullptr;
}

void free_stream(CudaStream) {}

void* allocate(size_t bytes) {
  return Heap::instance().allocate(bytes);
}

void release(void* memory) {
  Heap::instance().release(memory);
}

void upload(CudaStream, void* to, const void* from, size_t bytes) {
  refuse_while_recording("upload");
  const Open open;
  std::memcpy(to, from, bytes);
}

void download(CudaStream, void* to, const void* from, size_t bytes) {
  refuse_while_recording("download");
  const Open open;
  std::memcpy(to, from, bytes);
}

void start_download(CudaStream stream, void* to, const void* from, size_t bytes) {
  download(stream, to, from, bytes);
}

// Kernels have run when their launch returns.
Event::Event() = default;
Event::~Event() = default;

void Event::record(CudaStream) {}

void Event::wait() {}

void copy(CudaStream, void* to, const void* from, size_t bytes) {
  simt::run_or_record([=] {
    const Open open;
    std::memmove(to, from, bytes);
  });
}

void fill_bytes(CudaStream, void* to, unsigned char value, size_t bytes) {
  simt::run_or_record([=] {
    const Open open;
    std::memset(to, value, bytes);
  });
}

void wait(CudaStream) {
  refuse_while_recording("wait");
}

std::shared_ptr<void> pinned(size_t bytes) {
  return {std::malloc(std::max<size_t>(bytes, 1)), std::free};
}

struct Graph::Recording {
  simt::LaunchList list;
};

Graph::Graph() : recording_(std::make_unique<Recording>()) {}

Graph::~Graph() = default;

void Graph::begin(CudaStream) {
  recording_->list.clear();
  simt::record_to(&recording_->list);
}

void Graph::end(CudaStream) {
  simt::record_to(nullptr);
}

void Graph::abandon(CudaStream) {
  simt::record_to(nullptr);
  recording_->list.clear();
}

void Graph::launch(CudaStream) {
  const Open open;  // once: no host code runs between its launches, and opening pages takes time
  for (const auto& run : recording_->list) run();
}

size_t Graph::nodes() const {
  return recording_->list.size();
}

}  // namespace diptych::device
