// Grids: spreads the blocks of a launch over OS threads; device memory; options.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

#include "kernels/common/simt/check_hooks.h"
#include "kernels/common/simt/device_memory.h"
#include "kernels/common/simt/launch_hooks.h"
#include "kernels/common/simt/launch_log.h"
#include "kernels/common/simt/machine.h"
#include "kernels/common/simt/recording.h"

namespace diptych::simt {

namespace {

constexpr size_t kMaxThreads = 1024;
constexpr unsigned kMaxGridYZ = 65535, kMaxBlockZ = 64;
constexpr size_t kMaxParameters = 4096;  // what every toolkit and chip takes

// One machine per OS thread; its stacks are kept for the next launch.
Machine& my_machine() {
  static thread_local Machine mine;
  machine = &mine;
  return mine;
}

class GridRun {
 public:
  explicit GridRun(const Grid& grid) : grid_(grid) {
    const dim3 n = grid.config.grid;
    blocks_ = int64_t{n.x} * n.y * n.z;
  }

  void work() {
    Machine& m = my_machine();
    m.prepare(grid_);
    const dim3 n = grid_.config.grid;
    while (!failed_) {
      const int64_t i = next_++;
      if (i >= blocks_) return;
      m.run_block({static_cast<unsigned>(i % n.x), static_cast<unsigned>(i / n.x % n.y),
                   static_cast<unsigned>(i / n.x / n.y)});
      if (m.error) keep(std::move(m.error));
    }
  }

  void run() {
#if defined(DIPTYCH_SIMT_ASAN) || defined(DIPTYCH_SIMT_CHECK)
    const int helpers = 0;
#else
    const int helpers =
        static_cast<int>(std::min<int64_t>(options().threads, std::max<int64_t>(1, blocks_))) - 1;
#endif
    std::vector<std::thread> others;
    for (int i = 0; i < helpers; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& t : others) t.join();
    if (error_) throw KernelError(*error_);
  }

 private:
  void keep(std::unique_ptr<std::string> error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    failed_ = true;
  }

  const Grid& grid_;
  int64_t blocks_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::unique_ptr<std::string> error_;
};

// Device memory in use, for the guards behind it.
std::map<char*, size_t>& allocations() {
  static std::map<char*, size_t> of_program;
  return of_program;
}

void check_guards() {
  for (const auto& [p, bytes] : allocations())
    if (!guard_intact(p + bytes)) {
      std::memset(p + bytes, 0xff, kGuardBytes);  // told once
      throw KernelError(str("a kernel wrote behind an allocation of ", bytes, " bytes"));
    }
}

// The list keeps the arguments: the caller's are gone when it runs.
void write_down(const Grid& g) {
  constexpr size_t kAlign = 64;  // of tensor maps
  const std::shared_ptr<void> params(
      std::aligned_alloc(kAlign, (g.bytes + kAlign - 1) / kAlign * kAlign), std::free);
  std::memcpy(params.get(), g.params, g.bytes);
  Grid kept = g;
  kept.params = params.get();
  run_or_record([kept, params] { run_grid(kept); });
}

class Around {
 public:
  Around() {
    if (launch_hooks().before) launch_hooks().before();
  }

  ~Around() {
    if (launch_hooks().after) launch_hooks().after();
  }

  Around(const Around&) = delete;
  Around& operator=(const Around&) = delete;
};

unsigned number_of(const char* variable, unsigned otherwise) {
  const char* const text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// Of a block.
size_t most_shared() {
  switch (device_chip()) {
    case 80:
      return 163 * 1024;
    case 86:
    case 89:
      return 99 * 1024;
    default:
      return 227 * 1024;
  }
}

}  // namespace

Options& options() {
  static Options of_program{number_of("DIPTYCH_SIMT_SEED", 0),
                            static_cast<int>(number_of("DIPTYCH_SIMT_THREADS", 1))};
  return of_program;
}

void run_grid(const Grid& g) {
  const dim3 n = g.config.grid, b = g.config.block;
  const size_t threads = size_t{b.x} * b.y * b.z;
  DIPTYCH_CHECK(threads >= 1 && threads <= kMaxThreads && g.config.smem <= most_shared(),
                "launch: a block of (", b.x, ",", b.y, ",", b.z, ") threads with ", g.config.smem,
                " bytes of shared memory; at most ", kMaxThreads, " and ", most_shared());
  DIPTYCH_CHECK(b.z <= kMaxBlockZ && g.bytes <= kMaxParameters, "launch: a block of ", b.z,
                " threads along z with ", g.bytes, " bytes of arguments; at most ", kMaxBlockZ,
                " and ", kMaxParameters);
  DIPTYCH_CHECK(n.x >= 1 && n.y >= 1 && n.z >= 1 && n.x <= 0x7fffffffu && n.y <= kMaxGridYZ &&
                    n.z <= kMaxGridYZ,
                "launch: a grid of (", n.x, ",", n.y, ",", n.z, ") blocks");
  if (recording()) return write_down(g);
  log_launch(g);
  const Around around;
  GridRun(g).run();
  check_guards();
}

void* shared_base() {
  return machine->shared;
}

size_t shared_size() {
  return machine->grid.config.smem;
}

void need_shared(size_t bytes, Site at) {
  const Inside inside;
  if (bytes > shared_size())
    fail(at, "shared<T>() needs ", bytes, " bytes, the launch gave ", shared_size());
}

bool guard_intact(const void* guard) {
  const auto* const bytes = static_cast<const unsigned char*>(guard);
  return std::all_of(bytes, bytes + kGuardBytes, [](unsigned char b) { return b == 0xff; });
}

void* device_alloc(size_t bytes) {
  void* p = nullptr;
  if (posix_memalign(&p, 256, std::max<size_t>(1, bytes + kGuardBytes))) throw std::bad_alloc();
  std::memset(p, 0xff, bytes + kGuardBytes);
  if (kGuardBytes) allocations().emplace(static_cast<char*>(p), bytes);
  check_alloc(p, bytes);
  return p;
}

void device_free(void* p) {
  allocations().erase(static_cast<char*>(p));
  check_free(p);
  std::free(p);
}

void device_write(void* to, const void* from, size_t bytes) {
  if (bytes) std::memcpy(to, from, bytes);
}

void device_read(void* to, const void* from, size_t bytes) {
  if (bytes) std::memcpy(to, from, bytes);
}

int device_chip() {
  return static_cast<int>(number_of("DIPTYCH_SIM_CHIP", 90));
}

void synchronize() {}

}  // namespace diptych::simt
