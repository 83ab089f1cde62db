// What a compiler with -fsanitize=thread calls, in place of libtsan. Names and signatures are the
// compiler's.
// SPDX-License-Identifier: MIT
#include <cstring>

#include "kernels/common/simt/checker.h"

namespace {

using diptych::simt::Access;

__attribute__((always_inline)) inline void tell(const void* p, size_t bytes, Access a) {
  diptych::simt::access(p, bytes, a, diptych::simt::where(__builtin_return_address(0)));
}

}  // namespace

#define HOOK(name, bytes, kind)   \
  extern "C" void name(void* p) { \
    tell(p, bytes, Access::kind); \
  }
#define HOOKS(n)                             \
  HOOK(__tsan_read##n, n, kRead)             \
  HOOK(__tsan_write##n, n, kWrite)           \
  HOOK(__tsan_unaligned_read##n, n, kRead)   \
  HOOK(__tsan_unaligned_write##n, n, kWrite) \
  HOOK(__tsan_volatile_read##n, n, kRead)    \
  HOOK(__tsan_volatile_write##n, n, kWrite)
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

extern "C" void __tsan_read_range(void* p, unsigned long n) {
  tell(p, n, Access::kRead);
}

extern "C" void __tsan_write_range(void* p, unsigned long n) {
  tell(p, n, Access::kWrite);
}

extern "C" void __tsan_init() {}

extern "C" void __tsan_func_entry(void*) {}

extern "C" void __tsan_func_exit(void*) {}

extern "C" void __tsan_vptr_update(void*, void*) {}

extern "C" void __tsan_vptr_read(void*) {}

extern "C" void* __tsan_memcpy(void* to, const void* from, unsigned long n) {
  tell(from, n, Access::kRead);
  tell(to, n, Access::kWrite);
  return std::memcpy(to, from, n);
}

extern "C" void* __tsan_memmove(void* to, const void* from, unsigned long n) {
  tell(from, n, Access::kRead);
  tell(to, n, Access::kWrite);
  return std::memmove(to, from, n);
}

extern "C" void* __tsan_memset(void* to, int value, unsigned long n) {
  tell(to, n, Access::kWrite);
  return std::memset(to, value, n);
}

// Atomics tell of themselves (memory.h); the compilers call these for them all the same, and for
// the guards of function-local statics.
#define ATOMICS(bits, T)                                                                         \
  extern "C" T __tsan_atomic##bits##_load(const volatile T* p, int) {                            \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                              \
  extern "C" void __tsan_atomic##bits##_store(volatile T* p, T v, int) {                         \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                              \
  extern "C" T __tsan_atomic##bits##_fetch_add(volatile T* p, T v, int) {                        \
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                           \
  }                                                                                              \
  extern "C" T __tsan_atomic##bits##_fetch_sub(volatile T* p, T v, int) {                        \
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                           \
  }                                                                                              \
  extern "C" T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) {                         \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                          \
  }                                                                                              \
  extern "C" int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* old, T v, int,  \
                                                               int) {                            \
    return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
  }                                                                                              \
  extern "C" int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* old, T v, int,    \
                                                             int) {                              \
    return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
  }                                                                                              \
  extern "C" T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T old, T v, int, int) { \
    __atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);          \
    return old;                                                                                  \
  }
ATOMICS(8, unsigned char)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

extern "C" void __tsan_atomic_thread_fence(int) {}
