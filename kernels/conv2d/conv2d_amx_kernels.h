// AMX pieces of the amx variant of conv2d: packing into tiles and the tile product.
// SPDX-License-Identifier: MIT
//
// A tile is 16 rows of 64 bytes. The tile product is C (16,16) f32 += A (16,32) B (32,16) in bf16,
// with two rows of B side by side: B is stored (16 pairs, 16 columns, 2). All packed tiles are
// contiguous.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"

namespace diptych::amx {

constexpr int kTileRows = 16;
constexpr int kTileDepth = 32;             // bf16 of one contraction step
constexpr int kTileSize = kTileRows * 32;  // elements of a packed tile: 1 KiB

// This CPU has AMX-BF16 and the kernel lets this process use it (asked once).
bool supported();

// All eight tile registers as 16 rows of 64 bytes, for the calling thread, while in scope.
class TileScope {
 public:
  TileScope();
  ~TileScope();
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

// C (16*row_tiles, 16*column_tiles), pitch in floats, = or += A B over `steps` tiles; one or two
// row and column tiles. The tiles of A (B) lie a_step (b_step) elements apart along the
// contraction, its rows of tiles a_pitch (b_pitch) apart.
struct TileProduct {
  const bf16* a;
  int64_t a_step, a_pitch;
  const bf16* b;
  int64_t b_step, b_pitch;
  int steps, row_tiles, column_tiles;
  float* c;
  int64_t c_pitch;
  bool accumulate;
};

void multiply(const TileProduct& product);

// C (32, 16*column_tiles), pitch 32 floats, = or += the sum over steps of A B with tiles at any
// offsets; the second row of tiles of A lies 16 rows behind the first.
struct GatherProduct {
  const bf16* a;
  const int64_t* a_offsets;
  const bf16* b;
  const int64_t* b_offsets;
  int64_t b_pitch;
  int steps, column_tiles;
  float* c;
  bool accumulate;
};

void multiply(const GatherProduct& product);

}  // namespace diptych::amx
