// The emulated streaming multiprocessor: its state, shared by scheduler, instructions and checker.
// Kernels never see it.
// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "kernels/common/simt/async_groups.h"
#include "kernels/common/simt/emulator.h"
#include "kernels/common/simt/fiber.h"
#include "kernels/common/simt/launch.h"

namespace diptych::simt {

constexpr int kWarps = 32;  // of a block, at most
constexpr int kLanes = 32;
constexpr int kLanesOfGroup = 128;

// Ordinary builds put NaNs behind shared memory and every allocation, and look whether they are
// still there. Sanitizers and the checker have better means, and need exact sizes.
#if defined(DIPTYCH_SIMT_ASAN) || defined(DIPTYCH_SIMT_CHECK)
constexpr size_t kGuardBytes = 0;
#else
constexpr size_t kGuardBytes = 1024;
#endif

bool guard_intact(const void* guard);

struct Thread : Context {
  uint3 id;
  Site at{};               // where it waits
  const char* waits = "";  // for what
  AsyncGroups<Copy> copies;
  AsyncGroups<BulkCopy> stores;
  bool fenced = false;  // wgmma.fence since it began, or waited for all its multiplications
};

struct Warp {
  unsigned alive = 0, ready = 0, arrived = 0, polled = 0;  // lanes
  unsigned mask[kLanes];
  WarpOp op[kLanes];
  void* operands[kLanes];
};

struct WarpGroup {
  int arrived = 0;
  WarpOp op;
  void* operands[128];
  AsyncGroups<Wgmma> wgmmas;
};

struct Barrier {
  int arrived = 0, result = 0, sum = 0, threads = 0;
  bool named = false;
  Site at{};
  unsigned waiting[kWarps] = {};
};

class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  void prepare(const Grid& of);
  void run_block(uint3 block);
  void suspend(const char* why, Site at);  // the current thread cannot go on, or should not yet
  void settle(Warp& w, int l);             // lane l's instruction may have all its lanes now
  void release(Barrier& b);
  void progress();               // something has changed that those who poll may have waited for
  bool look_elsewhere(Site at);  // runs a thread that has not looked since; false: none is left
  void run_bulk_copy();
  void set_ready(int warp, unsigned lanes);
  void clear_ready(const Thread* t);
  [[noreturn]] void run_threads();  // the life of a fiber
  [[noreturn]] void leave();        // back to the OS thread: the launch has failed
  uint64_t dice();

  int index(const Thread* t) const { return static_cast<int>(t - threads.data()); }

  int me() const { return index(current); }

  Grid grid;
  Thread* current = nullptr;
  std::vector<Thread> threads;
  Warp warps[kWarps];
  WarpGroup groups[8];
  Barrier barriers[16];
  int count = 0, alive = 0;
  int inside = 0;               // > 0 while the machine itself, not a kernel, touches memory
  std::deque<BulkCopy> engine;  // bulk loads under way
  StackPool stacks;
  unsigned char* shared = nullptr;
  size_t shared_bytes = 0;
  uint64_t random = 0;  // 0: lanes run in order
  std::unique_ptr<std::string> error;

 private:
  void begin_block(uint3 block);
  void end_block();
  bool pick(Thread*& next);
  void resume(Thread* next);
  void go(Context& from, Context& to, bool from_ends = false);
  void finish(Thread* t);
  [[noreturn]] void stuck();
  std::string describe_waits() const;

  Context os_;                // the OS thread that runs us
  unsigned warps_ready_ = 0;  // warps with a lane to run
  bool any_polled_ = false;
};

extern constinit thread_local Machine* machine;  // constinit: no wrapper around each use

// On entry from a kernel: what follows is the machine's own business. (The linker may give the
// machine a std::vector function that was compiled, and instrumented, for a kernel.)
class Inside {
 public:
  Inside() { ++machine->inside; }

  ~Inside() { --machine->inside; }

  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

void need_aligned(const void* p, size_t bytes, const char* what, Site at);

}  // namespace diptych::simt
