// AMX pieces of the amx variant: permission, tile configuration and the 2x2 tile product.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_amx_kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/conv2d/conv2d_avx512.h"

#pragma GCC push_options
#pragma GCC target("amx-tile,amx-bf16")

namespace diptych::amx {
namespace {

bool cpu_has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kBf16 = 1u << 22, kTileBit = 1u << 24;  // CPUID.7.0:EDX
  return (d & kBf16) && (d & kTileBit) && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

// Linux saves the 8 KiB of tile data only for processes that asked
// (Documentation/arch/x86/xstate.rst).
bool permitted() {
  constexpr long kArchReqXcompPerm = 0x1023, kXfeatureXtiledata = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtiledata) == 0;
}

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// The intrinsics are volatile but do not mention memory: keeps plain stores on their side.
void memory_barrier() {
  asm volatile("" ::: "memory");
}

// Apart from TileScope: GCC 12 compiles constructors without the target pragma.
void configure() {
  const TileConfig config;
  memory_barrier();
  _tile_loadconfig(&config);
}

void release() {
  _tile_release();
}

constexpr int64_t kRowBytes = 64;

// Registers: C 0..3 (row tile, column tile), A 4..5, B 6..7.
template <int row_tiles, int column_tiles>
void multiply_tiles(const TileProduct& p) {
  const int64_t c_bytes = p.c_pitch * 4;
  float* c01 = p.c + kTileRows;
  float* c10 = p.c + kTileRows * p.c_pitch;
  float* c11 = c10 + kTileRows;
  memory_barrier();
  if (p.accumulate) {
    _tile_loadd(0, p.c, c_bytes);
    if constexpr (column_tiles > 1) _tile_loadd(1, c01, c_bytes);
    if constexpr (row_tiles > 1) _tile_loadd(2, c10, c_bytes);
    if constexpr (row_tiles > 1 && column_tiles > 1) _tile_loadd(3, c11, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const bf16* a = p.a;
  const bf16* b = p.b;
  for (int step = 0; step < p.steps; ++step) {
    _tile_loadd(4, a, kRowBytes);
    _tile_loadd(6, b, kRowBytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (row_tiles > 1) {
      _tile_loadd(5, a + p.a_pitch, kRowBytes);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (column_tiles > 1) {
      _tile_loadd(7, b + p.b_pitch, kRowBytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (row_tiles > 1 && column_tiles > 1) _tile_dpbf16ps(3, 5, 7);
    a += p.a_step;
    b += p.b_step;
  }
  _tile_stored(0, p.c, c_bytes);
  if constexpr (column_tiles > 1) _tile_stored(1, c01, c_bytes);
  if constexpr (row_tiles > 1) _tile_stored(2, c10, c_bytes);
  if constexpr (row_tiles > 1 && column_tiles > 1) _tile_stored(3, c11, c_bytes);
  memory_barrier();
}

template <int column_tiles>
void multiply_gathered(const GatherProduct& p) {
  constexpr int64_t kRow = 32;
  float* c10 = p.c + kTileRows * kRow;
  memory_barrier();
  if (p.accumulate) {
    _tile_loadd(0, p.c, kRow * 4);
    _tile_loadd(2, c10, kRow * 4);
    if constexpr (column_tiles > 1) _tile_loadd(1, p.c + kTileRows, kRow * 4);
    if constexpr (column_tiles > 1) _tile_loadd(3, c10 + kTileRows, kRow * 4);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int step = 0; step < p.steps; ++step) {
    const bf16* a = p.a + p.a_offsets[step];
    const bf16* b = p.b + p.b_offsets[step];
    _tile_loadd(4, a, kRowBytes);
    _tile_loadd(6, b, kRowBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, a + kTileSize, kRowBytes);
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (column_tiles > 1) {
      _tile_loadd(7, b + p.b_pitch, kRowBytes);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, p.c, kRow * 4);
  _tile_stored(2, c10, kRow * 4);
  if constexpr (column_tiles > 1) {
    _tile_stored(1, p.c + kTileRows, kRow * 4);
    _tile_stored(3, c10 + kTileRows, kRow * 4);
  }
  memory_barrier();
}

}  // namespace

bool supported() {
  static const bool yes = cpu_has_amx_bf16() && permitted();
  return yes;
}

TileScope::TileScope() {
  configure();
}

TileScope::~TileScope() {
  release();
}

void multiply(const TileProduct& p) {
  if (p.row_tiles == 2 && p.column_tiles == 2) return multiply_tiles<2, 2>(p);
  if (p.row_tiles == 2) return multiply_tiles<2, 1>(p);
  if (p.column_tiles == 2) return multiply_tiles<1, 2>(p);
  multiply_tiles<1, 1>(p);
}

void multiply(const GatherProduct& p) {
  if (p.column_tiles == 2) return multiply_gathered<2>(p);
  multiply_gathered<1>(p);
}

}  // namespace diptych::amx

#pragma GCC pop_options
