// parallel_for: a static split of [0,n) over OpenMP threads. The split depends on n and the thread
// count alone, so a run with the same thread count gives the same bits.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "kernels/common/dry_run.h"

namespace diptych {

inline void set_parallel_threads([[maybe_unused]] int threads) {
#ifdef _OPENMP
  omp_set_num_threads(threads);
#endif
}

// Calls body(begin, end) on disjoint ranges that cover [0, n). grain: smallest range worth a
// thread. body must not throw. In a dry run nothing is called.
template <class Body>
void parallel_for(int64_t n, int64_t grain, const Body& body) {
  if (dry_running()) return;
#ifdef _OPENMP
  const int64_t wanted = std::max<int64_t>(1, n / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(wanted, omp_get_max_threads()));
  if (threads > 1 && !omp_in_parallel()) {
#pragma omp parallel num_threads(threads)
    {
      const int64_t t = omp_get_thread_num(), count = omp_get_num_threads();
      const int64_t begin = n * t / count, end = n * (t + 1) / count;
      if (begin < end) body(begin, end);
    }
    return;
  }
#endif
  (void)grain;
  if (n > 0) body(int64_t{0}, n);
}

}  // namespace diptych
