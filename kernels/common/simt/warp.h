// The emulator's warp shuffles and votes.
// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstring>

#include "kernels/common/simt/emulator.h"

namespace diptych::simt {

// Each lane brings a T and gets what lane From{}(lane, its own parameter, width) brought.
template <class T, class From>
T shuffle(unsigned mask, T value, int parameter, int width, From, Site at) {
  struct Lane {
    T in, out;
    int parameter, width;
  } mine{value, value, parameter, width};

  warp_op(
      mask, &mine,
      [](void* const* lanes, unsigned met) {
        for (unsigned m = met; m; m &= m - 1) {
          const int l = std::countr_zero(m);
          auto& to = *static_cast<Lane*>(lanes[l]);
          const int source = From{}(l, to.parameter, to.width);
          if (met >> source & 1)
            to.out = static_cast<Lane*>(lanes[source])->in;
          else  // undefined on hardware; poison makes that visible
            std::memset(static_cast<void*>(&to.out), 0xff, sizeof(T));
        }
      },
      at);
  return mine.out;
}

template <class Result, class Count>
Result vote(unsigned mask, int predicate, Count, Site at) {
  struct Lane {
    int in;
    Result out;
  } mine{predicate, 0};

  warp_op(
      mask, &mine,
      [](void* const* lanes, unsigned met) {
        unsigned yes = 0;
        for (unsigned m = met; m; m &= m - 1) {
          const int l = std::countr_zero(m);
          if (static_cast<Lane*>(lanes[l])->in) yes |= 1u << l;
        }
        for (unsigned m = met; m; m &= m - 1)
          static_cast<Lane*>(lanes[std::countr_zero(m)])->out = Count{}(yes, met);
      },
      at);
  return mine.out;
}

}  // namespace diptych::simt

template <class T>
T __shfl_sync(unsigned mask,
              T value,
              int source,
              int width = 32,
              diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::shuffle(
      mask, value, source, width,
      [](int l, int s, int w) { return (l & ~(w - 1)) | (s & (w - 1)); }, at);
}

template <class T>
T __shfl_xor_sync(unsigned mask,
                  T value,
                  int bits,
                  int width = 32,
                  diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::shuffle(
      mask, value, bits, width,
      [](int l, int x, int w) { return (l ^ x) <= (l | (w - 1)) ? l ^ x : l; }, at);
}

template <class T>
T __shfl_down_sync(unsigned mask,
                   T value,
                   int delta,
                   int width = 32,
                   diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::shuffle(
      mask, value, delta, width,
      [](int l, int d, int w) { return (l & (w - 1)) + d < w ? l + d : l; }, at);
}

template <class T>
T __shfl_up_sync(unsigned mask,
                 T value,
                 int delta,
                 int width = 32,
                 diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::shuffle(
      mask, value, delta, width, [](int l, int d, int w) { return (l & (w - 1)) >= d ? l - d : l; },
      at);
}

inline unsigned __ballot_sync(unsigned mask,
                              int predicate,
                              diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::vote<unsigned>(
      mask, predicate, [](unsigned yes, unsigned) { return yes; }, at);
}

inline int __any_sync(unsigned mask,
                      int predicate,
                      diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::vote<int>(
      mask, predicate, [](unsigned yes, unsigned) { return yes != 0; }, at);
}

inline int __all_sync(unsigned mask,
                      int predicate,
                      diptych::simt::Site at = diptych::simt::Site::here()) {
  return diptych::simt::vote<int>(
      mask, predicate, [](unsigned yes, unsigned met) { return yes == met; }, at);
}

// Which lanes are here together. The emulator knows no implicit convergence, so it is this lane
// alone: legal on hardware too, and it finds code that hopes for more.
inline unsigned __activemask() {
  return 1u << diptych::simt::lane();
}
