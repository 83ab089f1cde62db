// What an emulated instruction is built from: places where threads meet or wait, and complaints.
// Kernels call the instructions, never these.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "kernels/common/check.h"
#include "kernels/common/simt/site.h"
#include "kernels/common/simt/vector_types.h"

namespace diptych::simt {

// What the emulator reports of a kernel: a race, a deadlock, a stray access. Thrown by launch().
class KernelError : public Error {
 public:
  using Error::Error;
};

// Read from DIPTYCH_SIMT_SEED and DIPTYCH_SIMT_THREADS when the program starts.
struct Options {
  unsigned seed = 0;  // 0: threads run in order; else in a random order that the seed fixes
  int threads = 1;    // OS threads that blocks are spread over; checking builds use one
};

Options& options();

// A warp instruction sees all its lanes at once: lane[l] is what lane l brought, null when it is
// not in the mask. It runs once, when the last lane has arrived.
using WarpOp = void (*)(void* const* lane, unsigned mask);

void warp_op(unsigned mask, void* operands, WarpOp op, Site at);  // lanes of a warp meet
void group_op(int warps, void* operands, WarpOp op, Site at);     // aligned warps meet (wgmma)
void warp_sync(unsigned mask, Site at);

// The block's threads meet; returns the sum of `value` over them. named: bar.sync id, threads.
int block_barrier(int id, int threads, int value, Site at, bool named);

void poll(bool changed, Site at);  // a turn of a spin-wait, or news for those who spin
void yield(Site at);               // another may run here, if the order is random

void* shared_base();
size_t shared_size();

// Ends the launch with a KernelError that names file, line, block and thread.
[[noreturn]] void fail_with(Site at, std::string text);

template <class... Parts>
[[noreturn]] void fail(Site at, const Parts&... parts) {
  fail_with(at, str(parts...));
}

[[noreturn]] void misaligned(const void* p, size_t bytes, Site at);

// A whole access needs the alignment of its type; a GPU ends the launch otherwise.
template <class T>
inline void expect_aligned(const T* p, Site at) {
  if (reinterpret_cast<uintptr_t>(p) % alignof(T)) misaligned(p, alignof(T), at);
}

// What the checker is told of accesses that the compiler cannot show it.
enum class Access {
  kRead,
  kWrite,
  kAtomic,
  kIssue,      // a copy under way to here
  kDeliver,    // its arrival
  kAsyncRead,  // a read through the async proxy: wgmma operands, bulk stores
};

#ifdef DIPTYCH_SIMT_CHECK
void note(const void* p, size_t bytes, Access access, Site at);
void copy_unseen(void* to, const void* from, size_t bytes);  // compiled where nobody watches
#else
inline void note(const void*, size_t, Access, Site) {}

inline void copy_unseen(void* to, const void* from, size_t bytes) {
  __builtin_memcpy(to, from, bytes);
}
#endif

inline int lane() {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  return static_cast<int>(thread & 31);
}

}  // namespace diptych::simt
