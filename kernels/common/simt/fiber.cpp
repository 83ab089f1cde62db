// Fibers: a ten-instruction switch on x86-64, ucontext elsewhere.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/fiber.h"

#include <new>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "kernels/common/simt/vector_types.h"

#ifdef DIPTYCH_SIMT_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace diptych::simt {

namespace {

#if defined(DIPTYCH_SIMT_ASAN) || defined(DIPTYCH_SIMT_CHECK)
constexpr size_t kStackBytes = 256 << 10;
#else
constexpr size_t kStackBytes = 64 << 10;
#endif

// Stack tops at one page offset would share the same cache sets: 25 ns a switch instead of 15.
constexpr size_t kStagger = 832, kPage = 4096;

#ifdef DIPTYCH_SIMT_UCONTEXT
void swap(Context& from, Context& to) {
  swapcontext(&from.uc, &to.uc);
}
#else
// The System V ABI makes everything but these six registers the caller's to save.
__attribute__((naked, noinline)) void switch_stack(void** /*save*/, void* /*load*/) {
  asm("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n"
      "movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
      "ret");
}

void swap(Context& from, Context& to) {
  switch_stack(&from.sp, to.sp);
}
#endif

}  // namespace

StackPool::~StackPool() {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const auto& s : all_) munmap(s->low - page, s->size + page);
}

Stack* StackPool::take() {
  if (free_.empty()) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* const p = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    mprotect(p, page, PROT_NONE);
    char* const low = static_cast<char*>(p) + page;
    char* const top = low + kStackBytes - all_.size() * kStagger % kPage;
    all_.push_back(std::make_unique<Stack>(Stack{low, kStackBytes, top}));
    free_.push_back(all_.back().get());
  }
  Stack* const s = free_.back();
  free_.pop_back();
#ifdef DIPTYCH_SIMT_ASAN
  __asan_unpoison_memory_region(s->low, s->size);  // its last fiber never unwound its last frames
#endif
  return s;
}

void StackPool::take_all_back() {
  free_.clear();
  for (const auto& s : all_) free_.push_back(s.get());
}

bool StackPool::holds(const void* p) const {
  const auto* const at = static_cast<const char*>(p);
  for (const auto& s : all_)
    if (at >= s->low && at < s->low + s->size) return true;
  return false;
}

void make_context(Context& c, void (*entry)()) {
#ifdef DIPTYCH_SIMT_UCONTEXT
  getcontext(&c.uc);
  c.uc.uc_stack.ss_sp = c.stack->low;
  c.uc.uc_stack.ss_size = static_cast<size_t>(c.stack->top - c.stack->low);
  c.uc.uc_link = nullptr;
  makecontext(&c.uc, entry, 0);
#else
  auto* sp = reinterpret_cast<void**>(c.stack->top);
  *--sp = nullptr;  // the return address of entry: where a debugger's backtrace ends
  *--sp = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--sp = nullptr;
  c.sp = sp;
#endif
}

void switch_context(Context& from, Context& to, [[maybe_unused]] bool from_ends) {
#ifdef DIPTYCH_SIMT_ASAN
  static thread_local const auto os = [] {
    pthread_attr_t a;
    std::pair<void*, size_t> bounds;
    pthread_getattr_np(pthread_self(), &a);
    pthread_attr_getstack(&a, &bounds.first, &bounds.second);
    pthread_attr_destroy(&a);
    return bounds;
  }();
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &fake, to.stack ? to.stack->low : os.first,
                                 to.stack ? to.stack->size : os.second);
  swap(from, to);
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
  swap(from, to);
#endif
}

void begin_context() {
#ifdef DIPTYCH_SIMT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

}  // namespace diptych::simt
