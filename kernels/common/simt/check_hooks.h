// What the machine tells the checker (checker.cpp); nothing in builds without it.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/machine.h"

namespace diptych::simt {

#ifdef DIPTYCH_SIMT_CHECK
void check_launch_begins();
void check_block_begins(const Machine& m);
void check_block_ends();
void check_barrier();  // __syncthreads
void check_named_barrier(const Machine& m, const Barrier& b);
void check_warp_sync(int warp, unsigned lanes);
void check_wgmma_wait(int group);  // by the current thread, for its group
void check_proxy_fence();          // fence.proxy.async by the current thread
void check_alloc(void* p, size_t bytes);
void check_free(void* p);
void check_mbarrier_arrive(const Mbarrier* barrier);
void check_mbarrier_wait(const Mbarrier* barrier);
void check_engine_write(const void* p, size_t bytes, const Mbarrier* barrier, Site at);
#else
inline void check_launch_begins() {}

inline void check_block_begins(const Machine&) {}

inline void check_block_ends() {}

inline void check_barrier() {}

inline void check_named_barrier(const Machine&, const Barrier&) {}

inline void check_warp_sync(int, unsigned) {}

inline void check_wgmma_wait(int) {}

inline void check_proxy_fence() {}

inline void check_alloc(void*, size_t) {}

inline void check_free(void*) {}

inline void check_mbarrier_arrive(const Mbarrier*) {}

inline void check_mbarrier_wait(const Mbarrier*) {}

inline void check_engine_write(const void*, size_t, const Mbarrier*, Site) {}
#endif

}  // namespace diptych::simt
