// Where threads meet: warp and warp group instructions, barriers, polls; and how they complain.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "kernels/common/simt/check_hooks.h"
#include "kernels/common/simt/machine.h"

namespace diptych::simt {

namespace {

std::string hex(unsigned mask) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", mask);
  return text;
}

}  // namespace

void Machine::settle(Warp& w, int l) {
  const unsigned need = w.mask[l] & w.alive;
  if ((w.arrived & need) != need) return;
  const WarpOp op = w.op[l];
  const int warp = static_cast<int>(&w - warps);
  for (unsigned m = need; m; m &= m - 1) {
    const int i = std::countr_zero(m);
    // The op's address doubles as the check that all lanes meet in the same instruction.
    if (w.op[i] != op || w.mask[i] != w.mask[l])
      fail(threads[static_cast<size_t>(warp * kLanes + i)].at, "lanes ", l, " and ", i,
           " of a warp meet in different instructions or with different masks (", hex(w.mask[l]),
           ", ", hex(w.mask[i]), ")");
  }
  op(w.operands, need);
  w.arrived &= ~need;
  set_ready(warp, need);
  progress();
}

void warp_op(unsigned mask, void* operands, WarpOp op, Site at) {
  const Inside inside;
  Machine& m = *machine;
  const int l = m.me() % kLanes;
  Warp& w = m.warps[m.me() / kLanes];
  if (!(mask >> l & 1)) fail(at, "lane ", l, " is not in its own mask ", hex(mask));
  w.operands[l] = operands;
  w.op[l] = op;
  w.mask[l] = mask;
  w.arrived |= 1u << l;
  m.current->at = at;
  m.clear_ready(m.current);
  m.settle(w, l);
  if (m.random || w.arrived >> l & 1) m.suspend("its warp", at);
}

void warp_sync(unsigned mask, Site at) {
  warp_op(
      mask, nullptr,
      [](void* const*, unsigned lanes) { check_warp_sync(machine->me() / kLanes, lanes); }, at);
}

void group_op(int warps, void* operands, WarpOp op, Site at) {
  const Inside inside;
  Machine& m = *machine;
  const int i = m.me(), n = warps * kLanes;
  WarpGroup& g = m.groups[i / kLanesOfGroup];
  if (g.arrived && g.op != op) fail(at, "threads of a warp group meet in different instructions");
  g.op = op;
  g.operands[i % n] = operands;
  m.clear_ready(m.current);
  if (++g.arrived < n) {
    m.suspend("its warp group", at);
    return;
  }
  op(g.operands, static_cast<unsigned>(n));
  g.arrived = 0;
  for (int w = i / n * warps; w < (i / n + 1) * warps; ++w) m.set_ready(w, ~0u);
  m.progress();
}

void Machine::release(Barrier& b) {
  if (b.threads == alive)
    check_barrier();
  else
    check_named_barrier(*this, b);
  for (int w = 0; w * kLanes < count; ++w)
    if (b.waiting[w]) set_ready(w, std::exchange(b.waiting[w], 0u));
  b.result = b.sum;
  b.arrived = b.sum = 0;
  progress();
}

int block_barrier(int id, int threads, int value, Site at, bool named) {
  const Inside inside;
  Machine& m = *machine;
  Barrier& b = m.barriers[id];
  if (!named) {
    threads = m.count;
    if (m.alive < m.count)
      fail(at, "__syncthreads after ", m.count - m.alive, " of the block's threads have returned");
    if (b.arrived && (b.at.line != at.line || b.at.file != at.file))
      fail(at, "divergent __syncthreads: ", b.arrived, " threads wait at ", b.at.file, ":",
           b.at.line);
  } else if (b.arrived && b.threads != threads) {
    fail(at, "barrier ", id, ": one thread says ", threads, " threads, another ", b.threads);
  }
  b.at = at;
  b.threads = threads;
  b.named = named;
  b.sum += value;
  b.waiting[m.me() / kLanes] |= 1u << (m.me() % kLanes);
  m.clear_ready(m.current);
  if (++b.arrived == threads) {
    m.release(b);
    if (m.random) m.suspend("its turn", at);
  } else {
    m.suspend(named ? "a named barrier" : "__syncthreads", at);
  }
  return b.result;
}

// A fruitless look at memory lets someone run who has not looked since memory last changed. When
// all have, only the copy engine can help: it is as slow as it may be.
void poll(bool changed, Site at) {
  const Inside inside;
  Machine& m = *machine;
  if (changed) {
    m.progress();
    return;
  }
  if (m.look_elsewhere(at)) return;
  if (m.engine.empty()) fail(at, "all threads wait for something that will not come");
  m.run_bulk_copy();
}

void yield(Site at) {
  const Inside inside;
  if (machine->random) machine->suspend("its turn", at);
}

void fail_with(Site at, std::string text) {
  Machine& m = *machine;
  ++m.inside;
  const auto triple = [](const auto& v) { return str("(", v.x, ",", v.y, ",", v.z, ")"); };
  m.error = std::make_unique<std::string>(str(at.file ? at.file : "?", ":", at.line, ": block ",
                                              triple(blockIdx), " thread ", triple(threadIdx), ": ",
                                              text));
  std::string().swap(text);                 // this frame is abandoned: nothing on it may own memory
  if (std::getenv("DIPTYCH_SIMT_ABORT")) {  // in a debugger: stop with the thread's stack alive
    std::fprintf(stderr, "%s\n", m.error->c_str());
    std::abort();
  }
  m.leave();
}

void need_aligned(const void* p, size_t bytes, const char* what, Site at) {
  if (reinterpret_cast<uintptr_t>(p) % bytes)
    fail(at, what, " needs an address aligned to ", bytes, " bytes, got ", p);
}

void misaligned(const void* p, size_t bytes, Site at) {
  const Inside inside;
  fail(at, "an access of a type aligned to ", bytes, " bytes at ", p, ", which is not");
}

}  // namespace diptych::simt
