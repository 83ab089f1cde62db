// What wgmma does when the CPU plays the GPU.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/wgmma.cuh"

#include <cstring>

#include "kernels/common/simt/check_hooks.h"
#include "kernels/common/simt/machine.h"

namespace diptych::simt {

namespace {

constexpr int kGroupWarps = 4, kGroupThreads = 128;
constexpr int kRows = 64, kDepth = 16, kMaxColumns = 256;

// Where element (i, k) of a matrix described by `d` lies, by the canonical layouts of the PTX ISA:
// i runs along M (or N), k along K.
uintptr_t element(uint64_t d, bool mn_major, int i, int k) {
  const uintptr_t start = (d & 0x3fff) << 4, leading = (d >> 16 & 0x3fff) << 4,
                  stride = (d >> 32 & 0x3fff) << 4;
  const int mode = static_cast<int>(d >> 62);
  const Swizzle s = mode ? static_cast<Swizzle>(4 - mode) : Swizzle::kNone;
  const auto width = uintptr_t{16} << static_cast<int>(s);  // bytes of a row of the swizzle pattern
  const auto row = static_cast<uintptr_t>(i), column = static_cast<uintptr_t>(k);
  uintptr_t at;
  if (!mn_major) {  // rows of `width` bytes along K; 8 rows make a block; blocks `stride` apart
    at = row % 8 * width + row / 8 * stride;
    at += s == Swizzle::kNone ? column / 8 * leading + column % 8 * 2 : column * 2;
  } else {  // rows of `width` bytes along M or N; 8 along K make a block
    const uintptr_t per = width / 2;
    at = row % per * 2 + column % 8 * width;
    at += s == Swizzle::kNone ? row / per * stride + column / 8 * leading
                              : row / per * leading + column / 8 * stride;
  }
  return swizzled(s, start + at);
}

AsyncGroups<Wgmma>& my_wgmmas() {
  return machine->groups[machine->me() / kGroupThreads].wgmmas;
}

}  // namespace

void Wgmma::run() const {
  const auto* const base = static_cast<const unsigned char*>(shared_base());
  const auto load = [&](uintptr_t offset) {
    if (offset + 2 > shared_size())
      fail(at, "wgmma: a descriptor leads to byte ", offset, " of ", shared_size(),
           " of shared memory");
    bf16 v;
    std::memcpy(&v, base + offset, 2);
    note(base + offset, 2, Access::kAsyncRead, at);
    return static_cast<float>(v);
  };
  float left[kRows][kDepth], right[kDepth][kMaxColumns];
  for (int i = 0; i < kRows; ++i)
    for (int k = 0; k < kDepth; ++k) left[i][k] = load(element(a, a_mn_major, i, k));
  for (int j = 0; j < n; ++j)
    for (int k = 0; k < kDepth; ++k) right[k][j] = load(element(b, b_mn_major, j, k));
  for (int i = 0; i < kRows; ++i) {
    float row[kMaxColumns] = {};
    for (int k = 0; k < kDepth; ++k)
      for (int j = 0; j < n; ++j) row[j] += left[i][k] * right[k][j];
    for (int j = 0; j < n; ++j) {
      const int thread = i / 16 * 32 + i % 8 * 4 + j % 8 / 2;
      float& d = acc[thread][j / 8 * 4 + i % 16 / 8 * 2 + j % 2];
      d = zero ? row[j] : d + row[j];
    }
  }
}

void wgmma_fence_registers() {
  machine->current->fenced = true;
}

void wgmma_issue(const WgmmaOperands& operands, Site at) {
  if (!machine->current->fenced) {
    const Inside inside;
    fail(at, "wgmma: no wgmma.fence since this thread began or last waited for all of its wgmma");
  }

  struct Lane {
    WgmmaOperands o;
    Site at;
  } mine{operands, at};

  group_op(
      kGroupWarps, &mine,
      [](void* const* lanes, unsigned count) {
        const auto& first = *static_cast<Lane*>(lanes[0]);
        const WgmmaOperands& o = first.o;
        Wgmma w{{}, o.a, o.b, o.n, !o.accumulate, o.a_mn_major, o.b_mn_major, first.at};
        for (unsigned i = 0; i < count; ++i) {
          const auto& l = *static_cast<Lane*>(lanes[i]);
          if (l.o.a != o.a || l.o.b != o.b || l.o.accumulate != o.accumulate)
            fail(l.at, "wgmma: the threads of the warp group bring different descriptors");
          w.acc[i] = l.o.d;
        }
        my_wgmmas().add(w);
      },
      at);
}

void wgmma_commit_group(Site at) {
  group_op(
      kGroupWarps, nullptr, [](void* const*, unsigned) { my_wgmmas().commit(); }, at);
}

void wgmma_wait_group(int n, Site at) {
  if (n == 0) machine->current->fenced = false;
  group_op(
      kGroupWarps, &n,
      [](void* const* lanes, unsigned) {
        my_wgmmas().wait(*static_cast<const int*>(lanes[0]));
        check_wgmma_wait(machine->me() / kGroupThreads);
      },
      at);
}

uint64_t shared_offset(const void* p) {
  return static_cast<uint64_t>(static_cast<const unsigned char*>(p) - machine->shared);
}

}  // namespace diptych::simt
