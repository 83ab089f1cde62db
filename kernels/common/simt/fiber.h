// Fibers: stacks of their own and the switch between them. Private to the emulator.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#if !defined(__x86_64__) && !defined(DIPTYCH_SIMT_UCONTEXT)
#define DIPTYCH_SIMT_UCONTEXT 1  // portable, and ten times slower: a system call per switch
#endif
#ifdef DIPTYCH_SIMT_UCONTEXT
#include <ucontext.h>
#endif

namespace diptych::simt {

struct Stack {
  char* low;  // a guard page lies below
  size_t size;
  char* top;  // where execution starts
};

struct Context {
#ifdef DIPTYCH_SIMT_UCONTEXT
  ucontext_t uc;
#else
  void* sp = nullptr;
#endif
  Stack* stack = nullptr;  // null: not begun, or the OS thread itself
};

// The stacks of one machine, kept from block to block and launch to launch.
class StackPool {
 public:
  StackPool() = default;
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  ~StackPool();

  Stack* take();

  void give(Stack* stack) { free_.push_back(stack); }

  void take_all_back();  // after an error: abandoned fibers never give theirs

  bool holds(const void* p) const;

 private:
  std::vector<std::unique_ptr<Stack>> all_;
  std::vector<Stack*> free_;
};

// Lets the context, which has a stack, begin at entry when it is first switched to.
void make_context(Context& context, void (*entry)());

// Leaves `from` where it is and goes on in `to`. from_ends: nobody will come back to `from`.
void switch_context(Context& from, Context& to, bool from_ends);

// First thing on a new stack: completes the switch that led there.
void begin_context();

}  // namespace diptych::simt
