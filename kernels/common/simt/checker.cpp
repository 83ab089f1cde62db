// What compute-sanitizer does on a GPU, and a little of what a profiler does.
//
// Kernels are compiled with -fsanitize=thread but linked without its runtime: the compiler then
// calls __tsan_readN and __tsan_writeN before every access, and those are ours (checker_calls.cpp).
// Each byte of shared and global memory remembers who wrote and read it last, and when. Found are
//   - accesses outside device memory, shared memory and the thread's own stack
//   - races, whether or not they happened to go wrong: __syncthreads, __syncwarp, named barriers
//     and mbarriers order accesses, shuffles do not; blocks are never ordered
//   - reads of shared memory that nobody wrote, or that a copy under way is still writing
//   - reads through the async proxy of what was written without a fence.proxy.async since
// and counted are bank conflicts of shared and sectors of global accesses, line by line.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/checker.h"

#include <cstdlib>
#include <map>
#include <unordered_map>

#include "kernels/common/simt/check_hooks.h"

extern "C" char __executable_start, end;

namespace diptych::simt {

namespace {

struct Cell {                                // of one byte
  uint32_t write_time = 0, read_time = 0;    // 0: never
  uint32_t write_where = 0, read_where = 0;  // in the source
  uint32_t write_block = 0, read_block = 0;
  uint32_t readers = 0;  // several at once: 1 + the index of their times in read_times
  uint16_t writer = 0, reader = 0;
  bool in_flight = false, atomic = false, by_engine = false, read_by_blocks = false;
};

struct Allocation {
  size_t bytes;
  std::vector<Cell> cells;
};

struct Touch {  // the access that is being checked
  Access access;
  uint32_t where;
  int me;
  uint32_t block;
  const char* space;
  size_t offset;
};

constexpr size_t kAround = 256;  // how far behind a buffer's end an access is still told as its own

std::vector<Cell> shared_cells;
std::unordered_map<uintptr_t, Cell> static_cells;  // __shared__ variables
std::map<uintptr_t, Allocation> allocations;
std::vector<Clocks::Row> read_times;
std::unordered_map<uintptr_t, Clocks::Carried> mbarriers;

uint32_t block_number() {
  return 1 + blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
}

const char* verb(Access a) {
  switch (a) {
    case Access::kRead:
      return "read";
    case Access::kWrite:
      return "write";
    case Access::kAtomic:
      return "atomic";
    case Access::kIssue:
      return "asynchronous copy";
    case Access::kDeliver:
      return "arrival of an asynchronous copy";
    case Access::kAsyncRead:
      return "read through the async proxy";
  }
  return "access";
}

bool reads(Access a) {
  return a == Access::kRead || a == Access::kAsyncRead;
}

template <class... Parts>
[[noreturn]] void complain(uint32_t w, const Parts&... parts) {
  const std::string at = place(w);
  const size_t colon = at.rfind(':');
  const std::string file = at.substr(0, colon);
  fail({file.c_str(), colon == std::string::npos ? 0 : std::atoi(at.c_str() + colon + 1)},
       parts...);
}

[[noreturn]] void race(
    const Touch& t, const char* what, unsigned thread, uint32_t at, uint32_t other_block) {
  if (other_block != t.block)
    complain(t.where, "race between blocks on ", t.space, " byte ", t.offset, ": this ",
             verb(t.access), " and the ", what, " of block ", other_block - 1, " at ", place(at));
  complain(t.where, "race on ", t.space, " byte ", t.offset, ": this ", verb(t.access), " and the ",
           what, " of thread ", thread, " at ", place(at));
}

void check_against_write(const Cell& c, const Touch& t, bool is_shared) {
  if (c.in_flight && t.access != Access::kDeliver)
    complain(t.where, verb(t.access), " of ", t.space, " byte ", t.offset,
             ", where the asynchronous copy of thread ", c.writer, " at ", place(c.write_where),
             " is still under way");
  if (is_shared && reads(t.access) && !c.write_time)
    complain(t.where, verb(t.access), " of ", t.space, " byte ", t.offset, ", which nobody wrote");
  if (!c.write_time) return;
  const bool both_atomic = c.atomic && t.access == Access::kAtomic;
  if (!both_atomic && (c.write_block != t.block || !clocks.knows(t.me, c.writer, c.write_time)))
    race(t, c.atomic ? "atomic" : "write", c.writer, c.write_where, c.write_block);
  if (t.access == Access::kAsyncRead && !c.by_engine &&
      !clocks.fenced(t.me, c.writer, c.write_time))
    complain(t.where, verb(t.access), " of ", t.space, " byte ", t.offset, ", which thread ",
             c.writer, " wrote at ", place(c.write_where), ": no fence.proxy.async in between");
}

void remember_read(Cell& c, const Touch& t) {
  const bool only_reader_that_matters =
      !c.read_time || c.reader == t.me ||
      (c.read_block == t.block && !c.readers && clocks.knows(t.me, c.reader, c.read_time));
  if (!only_reader_that_matters && c.read_block == t.block && !c.readers) {
    read_times.emplace_back(clocks.row());
    c.readers = static_cast<uint32_t>(read_times.size());
    read_times.back()[c.reader] = c.read_time;
  }
  if (c.readers) read_times[c.readers - 1][static_cast<size_t>(t.me)] = clocks.now();
  if (c.read_time && c.read_block != t.block) {
    c.read_by_blocks = true;
    c.readers = 0;
  }
  c.reader = static_cast<uint16_t>(t.me);
  c.read_time = clocks.now();
  c.read_where = t.where;
  c.read_block = t.block;
}

void check_against_reads(const Cell& c, const Touch& t) {
  if (!c.read_time) return;
  if (c.read_by_blocks || c.read_block != t.block)
    race(t, "read", c.reader, c.read_where, c.read_block == t.block ? t.block + 1 : c.read_block);
  if (!c.readers && !clocks.knows(t.me, c.reader, c.read_time))
    race(t, "read", c.reader, c.read_where, t.block);
  if (!c.readers) return;
  const Clocks::Row& times = read_times[c.readers - 1];
  for (unsigned u = 0; u < times.size(); ++u)
    if (times[u] && !clocks.knows(t.me, u, times[u])) race(t, "read", u, c.read_where, t.block);
}

// The heart: one byte is touched.
void touch(Cell& c, const Touch& t, bool is_shared) {
  check_against_write(c, t, is_shared);
  if (reads(t.access)) {
    remember_read(c, t);
    return;
  }
  check_against_reads(c, t);
  c.writer = static_cast<uint16_t>(t.me);
  c.write_time = clocks.now();
  c.write_where = t.where;
  c.write_block = t.block;
  c.atomic = t.access == Access::kAtomic;
  c.in_flight = t.access == Access::kIssue;
  c.by_engine = false;
  c.read_time = c.readers = 0;
  c.read_by_blocks = false;
}

// ---- where an access leads ------------------------------------------------------------------

struct Reach {
  uintptr_t address;
  size_t bytes;
  Access access;
  uint32_t where;
  int me;
};

bool within(uintptr_t x, const void* begin, size_t bytes) {
  return x - reinterpret_cast<uintptr_t>(begin) < bytes;
}

bool counts(const Reach& r) {
  return r.access == Access::kRead || r.access == Access::kWrite || r.access == Access::kIssue;
}

void access_shared(const Machine& m, const Reach& r) {
  const size_t offset = r.address - reinterpret_cast<uintptr_t>(m.shared);
  const size_t size = m.grid.config.smem;
  if (offset + r.bytes > size)
    complain(r.where, verb(r.access), " of shared bytes ", offset, "..", offset + r.bytes - 1,
             ", of ", size);
  if (r.address % std::min<size_t>(r.bytes, 16) && r.access != Access::kIssue)
    complain(r.where, "misaligned ", verb(r.access), " of ", r.bytes, " bytes at shared byte ",
             offset);
  for (size_t i = 0; i < r.bytes; ++i)
    touch(shared_cells[offset + i], {r.access, r.where, r.me, 1, "shared", offset + i}, true);
  if (counts(r) && r.bytes <= 16) count_visit({r.where, offset, r.bytes, true, r.me});
}

void access_global(uintptr_t base, Allocation& a, const Reach& r) {
  const size_t offset = r.address - base;
  if (offset + r.bytes > a.bytes)
    complain(r.where, verb(r.access), " of global bytes ", offset, "..", offset + r.bytes - 1,
             " of an allocation of ", a.bytes);
  if (a.cells.empty()) a.cells.resize(a.bytes);
  const uint32_t block = block_number();
  for (size_t i = 0; i < r.bytes; ++i)
    touch(a.cells[offset + i], {r.access, r.where, r.me, block, "global", offset + i}, false);
  if (counts(r)) count_visit({r.where, r.address, r.bytes, false, r.me});
}

void access_static(const Reach& r) {  // a __shared__ variable, or a constant of the program
  if (r.access == Access::kRead && !static_cells.contains(r.address)) return;
  for (size_t i = 0; i < r.bytes; ++i)
    touch(static_cells[r.address + i], {r.access, r.where, r.me, 1, "static shared", i}, true);
  if (counts(r)) count_visit({r.where, r.address, r.bytes, true, r.me});
}

void find_and_check(const Machine& m, const Reach& r) {
  constexpr size_t kThreadLocals = 4096;  // of the machine itself, around threadIdx
  const uintptr_t x = r.address;
  if (within(x, m.shared, m.shared_bytes + kAround)) {
    access_shared(m, r);
    return;
  }
  auto a = allocations.upper_bound(x);
  if (a != allocations.begin() && x - std::prev(a)->first < std::prev(a)->second.bytes + kAround) {
    --a;
    access_global(a->first, a->second, r);
    return;
  }
  if (within(x, m.grid.params, m.grid.bytes) ||
      x - reinterpret_cast<uintptr_t>(&threadIdx) + kThreadLocals < 2 * kThreadLocals)
    return;
  if (within(x, &__executable_start, static_cast<size_t>(&end - &__executable_start))) {
    access_static(r);
    return;
  }
  if (m.stacks.holds(reinterpret_cast<const void*>(x)))
    complain(r.where, verb(r.access), " of another thread's local variable");
  complain(r.where, verb(r.access), " of ", r.bytes, " bytes at ", reinterpret_cast<const void*>(x),
           ", which is not device memory");
}

}  // namespace

void access(const void* p, size_t bytes, Access a, uint32_t where) {
  Machine* const m = machine;
  if (!m || !m->current || m->inside) return;
  const Stack* const own = m->current->stack;
  if (within(reinterpret_cast<uintptr_t>(p), own->low, own->size)) return;
  ++m->inside;
  find_and_check(*m, {reinterpret_cast<uintptr_t>(p), bytes, a, where, m->me()});
  --m->inside;
}

void note(const void* p, size_t bytes, Access a, Site at) {
  const int inside = std::exchange(machine->inside, 0);
  access(p, bytes, a, where(at));
  machine->inside = inside;
}

void copy_unseen(void* to, const void* from, size_t bytes) {
  __builtin_memcpy(to, from, bytes);
}

// ---- what the machine tells -----------------------------------------------------------------

void check_launch_begins() {
  for (auto& [p, a] : allocations) a.cells.clear();
}

void check_block_begins(const Machine& m) {
  clocks.begin_block(m.count);
  shared_cells.assign(m.shared_bytes, {});
  static_cells.clear();
  mbarriers.clear();
  read_times.clear();
  for (auto& [p, a] : allocations)
    for (Cell& c : a.cells)
      if (c.readers) {
        c.readers = 0;
        c.read_by_blocks = true;
      }
}

void check_block_ends() {
  count_open_requests();
}

void check_alloc(void* p, size_t bytes) {
  allocations[reinterpret_cast<uintptr_t>(p)] = {bytes, {}};
}

void check_free(void* p) {
  allocations.erase(reinterpret_cast<uintptr_t>(p));
}

void check_mbarrier_arrive(const Mbarrier* barrier) {
  clocks.arrive(machine->me(), mbarriers[reinterpret_cast<uintptr_t>(barrier)]);
}

void check_mbarrier_wait(const Mbarrier* barrier) {
  clocks.wait(machine->me(), mbarriers[reinterpret_cast<uintptr_t>(barrier)]);
}

void check_engine_write(const void* p, size_t bytes, const Mbarrier* barrier, Site at) {
  const auto offset = static_cast<size_t>(static_cast<const unsigned char*>(p) - machine->shared);
  for (size_t i = 0; i < bytes; ++i) {
    Cell& c = shared_cells[offset + i];
    c = {};
    c.writer = static_cast<uint16_t>(clocks.engine());
    c.write_time = clocks.now();
    c.write_where = where(at);
    c.write_block = 1;
    c.by_engine = true;
  }
  clocks.engine_arrives(mbarriers[reinterpret_cast<uintptr_t>(barrier)]);
}

}  // namespace diptych::simt
