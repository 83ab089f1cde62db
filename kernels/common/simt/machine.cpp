// The scheduler: runs a block thread by thread.
//
// A fiber is made only when a thread first has to wait: thread 0 starts on a fresh stack; if it
// returns without having waited, thread 1 starts on the same stack as a plain call. A kernel that
// never synchronises therefore runs as a loop over its threads, with no switch at all.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/machine.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/common/simt/check_hooks.h"

namespace diptych::simt {

constinit thread_local Machine* machine = nullptr;

Machine::~Machine() {
  std::free(shared);
}

uint64_t Machine::dice() {
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return random;
}

void Machine::set_ready(int w, unsigned lanes) {
  warps[w].ready |= lanes;
  if (warps[w].ready) warps_ready_ |= 1u << w;
}

void Machine::clear_ready(const Thread* t) {
  const int i = index(t), w = i / kLanes;
  warps[w].ready &= ~(1u << (i % kLanes));
  if (!warps[w].ready) warps_ready_ &= ~(1u << w);
}

// Stays in the warp while it can run, then moves to the next; or, with a seed, anyone at all.
bool Machine::pick(Thread*& next) {
  if (!warps_ready_) return false;
  int w, l;
  if (random) {
    do {
      w = static_cast<int>(dice() % kWarps);
    } while (!(warps_ready_ >> w & 1));
    do {
      l = static_cast<int>(dice() % kLanes);
    } while (!(warps[w].ready >> l & 1));
  } else {
    const int here = current ? index(current) / kLanes : 0;
    w = (std::countr_zero(std::rotr(warps_ready_, here)) + here) % kWarps;
    l = std::countr_zero(warps[w].ready);
  }
  next = &threads[static_cast<size_t>(w * kLanes + l)];
  return true;
}

void Machine::resume(Thread* next) {
  current = next;
  threadIdx = next->id;
  if (!next->stack) {
    next->stack = stacks.take();
    make_context(*next, [] {
      begin_context();
      machine->run_threads();
    });
  }
}

void Machine::go(Context& from, Context& to, bool from_ends) {
  const int was_inside = inside;  // of the thread that will be back
  switch_context(from, to, from_ends);
  machine->inside = was_inside;
}

void Machine::suspend(const char* why, Site at) {
  Thread *const self = current, *next = nullptr;
  self->waits = why;
  self->at = at;
  if (!pick(next)) stuck();
  if (next == self) return;
  resume(next);
  go(*self, *next);
}

void Machine::run_threads() {
  for (;;) {
    Thread *const self = current, *next = nullptr;
    inside = 0;
    grid.call(grid.params);
    inside = 1;
    finish(self);
    Stack* const stack = std::exchange(self->stack, nullptr);
    if (!pick(next)) {
      if (alive) stuck();
      stacks.give(stack);
      go(*self, os_, true);
    }
    if (!next->stack) {  // not begun: a plain call on this same stack
      next->stack = stack;
      current = next;
      threadIdx = next->id;
    } else {
      stacks.give(stack);
      resume(next);
      go(*self, *next, true);
    }
  }
}

void Machine::leave() {
  go(*current, os_, true);
  std::abort();  // nobody comes back to a thread that has left
}

void Machine::finish(Thread* t) {
  const int i = index(t);
  if (!t->copies.empty())
    fail(t->copies.last().at, "a thread returned with this cp.async in flight");
  if (!t->stores.empty())
    fail(t->stores.last().site, "a thread returned with this bulk store in flight");
  if (!groups[i / kLanesOfGroup].wgmmas.empty())
    fail(groups[i / kLanesOfGroup].wgmmas.last().at, "a thread returned with this wgmma in flight");
  t->fenced = false;
  const Barrier& b = barriers[0];
  if (b.arrived && !b.named)
    fail(b.at, "divergent __syncthreads: ", b.arrived, " threads wait here and thread ", i,
         " has returned");
  Warp& w = warps[i / kLanes];
  clear_ready(t);
  w.alive &= ~(1u << (i % kLanes));
  --alive;
  progress();
  for (unsigned a = w.arrived; a; a &= a - 1) {  // perhaps others waited only for this lane
    const int l = std::countr_zero(a);
    if (w.arrived >> l & 1) settle(w, l);
  }
}

void Machine::prepare(const Grid& of) {
  grid = of;
  const dim3 b = blockDim = of.config.block;
  gridDim = of.config.grid;
  threads.resize(size_t{b.x} * b.y * b.z);
  for (unsigned i = 0; i < threads.size(); ++i)
    threads[i].id = {i % b.x, i / b.x % b.y, i / b.x / b.y};
  // Exactly sized, so that the sanitizers' redzones begin where the block's memory ends.
  std::free(shared);
#ifdef DIPTYCH_SIMT_ASAN
  shared_bytes = of.config.smem;
#else
  shared_bytes = (of.config.smem + 15) / 16 * 16 + kGuardBytes;
#endif
  void* p = nullptr;
  if (posix_memalign(&p, 1024, shared_bytes ? shared_bytes : 1)) throw std::bad_alloc();
  shared = static_cast<unsigned char*>(p);
  random = options().seed * uint64_t{0x9e3779b97f4a7c15};
  check_launch_begins();
}

void Machine::begin_block(uint3 block) {
  blockIdx = block;
  count = alive = static_cast<int>(threads.size());
  warps_ready_ = 0;
  any_polled_ = false;
  current = nullptr;
  for (WarpGroup& g : groups) {
    g.arrived = 0;
    g.wgmmas.clear();
  }
  for (Barrier& b : barriers) b = {};
  for (int w = 0; w * kLanes < count; ++w) {
    const int lanes_here = count - w * kLanes;
    const unsigned lanes = lanes_here >= kLanes ? ~0u : (1u << lanes_here) - 1;
    warps[w] = {};
    warps[w].alive = lanes;
    set_ready(w, lanes);
  }
  std::memset(shared, 0xff, shared_bytes);  // NaNs: nothing is zero by luck
  check_block_begins(*this);
}

void Machine::end_block() {
  current = nullptr;
  inside = 0;
  if (!error && !engine.empty())
    error = std::make_unique<std::string>(str("block (", blockIdx.x, ",", blockIdx.y, ",",
                                              blockIdx.z, ") ended with ", engine.size(),
                                              " bulk copies in flight"));
  if (!error && !guard_intact(shared + shared_bytes - kGuardBytes))
    error = std::make_unique<std::string>(str("block (", blockIdx.x, ",", blockIdx.y, ",",
                                              blockIdx.z, ") wrote behind its ", grid.config.smem,
                                              " bytes of shared memory"));
  check_block_ends();
  if (!error) return;
  engine.clear();
  stacks.take_all_back();
  for (Thread& t : threads) {
    t.stack = nullptr;
    t.copies.clear();
    t.stores.clear();
    t.fenced = false;
  }
}

void Machine::run_block(uint3 block) {
  begin_block(block);
  Thread* first = nullptr;
  pick(first);
  resume(first);
  go(os_, *first);
  end_block();
}

// ---- waiting for memory ---------------------------------------------------------------------

void Machine::progress() {
  if (!any_polled_) return;
  any_polled_ = false;
  for (Warp& w : warps) w.polled = 0;
}

bool Machine::look_elsewhere(Site at) {
  Thread* const self = current;
  const int i = index(self);
  warps[i / kLanes].polled |= 1u << (i % kLanes);
  any_polled_ = true;
  const int from = random ? static_cast<int>(dice() % static_cast<unsigned>(count)) : i;
  for (int k = 0; k < count; ++k) {
    const int j = (from + k) % count;
    const Warp& w = warps[j / kLanes];
    if (!((w.ready & ~w.polled) >> (j % kLanes) & 1)) continue;
    self->waits = "memory";
    self->at = at;
    resume(&threads[static_cast<size_t>(j)]);
    go(*self, threads[static_cast<size_t>(j)]);
    return true;
  }
  return false;
}

void Machine::run_bulk_copy() {
  const size_t chosen = random ? dice() % engine.size() : 0;
  const BulkCopy copy = engine[chosen];
  engine.erase(engine.begin() + static_cast<std::ptrdiff_t>(chosen));
  copy.load();
  progress();
}

// ---- complaints -----------------------------------------------------------------------------

// Nobody can run: says who waits where.
std::string Machine::describe_waits() const {
  const auto dead = [&](size_t k) { return !(warps[k / kLanes].alive >> (k % kLanes) & 1); };
  const auto same = [&](size_t i, size_t k) {
    return dead(i) == dead(k) && (dead(i) || (threads[k].at.line == threads[i].at.line &&
                                              threads[k].waits == threads[i].waits));
  };
  std::string text = "deadlock:";
  for (size_t i = 0, j; i < threads.size(); i = j) {
    for (j = i; j < threads.size() && same(i, j);) ++j;
    text += str(" threads ", i, "-", j - 1);
    const Thread& t = threads[i];
    text += dead(i) ? " have returned;"
                    : str(" wait for ", t.waits, " at ", t.at.file ? t.at.file : "?", ":",
                          t.at.line, ";");
  }
  return text;
}

void Machine::stuck() {
  fail_with(current->at, describe_waits());
}

}  // namespace diptych::simt
