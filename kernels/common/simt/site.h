// Site: where in the source a thread is. Instructions take one as their last, defaulted argument.
// SPDX-License-Identifier: MIT
#pragma once

namespace diptych::simt {

#ifdef __CUDACC__
struct Site {  // empty: costs nothing on the device

  static constexpr __host__ __device__ Site here() { return {}; }
};
#else
// g++ 12 and clang 14 fill in the caller's place when here() is itself a default argument.
struct Site {
  const char* file;
  int line;

  static constexpr Site here(const char* f = __builtin_FILE(), int l = __builtin_LINE()) {
    return {f, l};
  }
};
#endif

}  // namespace diptych::simt
