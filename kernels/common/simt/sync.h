// The emulator's barriers of a block and of a warp.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/emulator.h"

inline void __syncthreads(diptych::simt::Site at = diptych::simt::Site::here()) {
  diptych::simt::block_barrier(0, 0, 0, at, false);
}

inline int __syncthreads_or(int p, diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::block_barrier(0, 0, p != 0, at, false) != 0;
}

inline int __syncthreads_count(int p, diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::block_barrier(0, 0, p != 0, at, false);
}

inline void __syncwarp(unsigned mask = ~0u, diptych::simt::Site at = diptych::simt::Site::here()) {
  diptych::simt::warp_sync(mask, at);
}

inline void __nanosleep(unsigned, diptych::simt::Site at = diptych::simt::Site::here()) {
  diptych::simt::poll(false, at);
}
