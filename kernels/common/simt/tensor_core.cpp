// What mma.sync, ldmatrix, stmatrix and cp.async do when the CPU plays the GPU.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cstring>

#include "kernels/common/cuda/cp_async.cuh"
#include "kernels/common/cuda/mma.cuh"
#include "kernels/common/simt/machine.h"

namespace diptych::simt {

namespace {

float low(unsigned pair) {
  return std::bit_cast<float>(pair << 16);
}

float high(unsigned pair) {
  return std::bit_cast<float>(pair & 0xffff0000u);
}

struct MmaLane {
  float* d;
  const unsigned *a, *b;
};

struct MatrixLane {
  unsigned* r;
  const unsigned* from;
  const void* row;
  void* to;
  bool trans;
};

// In lane order each register of a fragment is an 8x8 block, row by row, two elements a lane: that
// is all there is to the layouts of mma and ldmatrix.
struct MmaBlocks {
  float a[4][8][8], b[2][8][8], d[2][8][8];

  void load(void* const* lanes) {
    for (int l = 0; l < 32; ++l) {
      const auto& x = *static_cast<const MmaLane*>(lanes[l]);
      const int row = l / 4, column = l % 4 * 2;
      for (int i = 0; i < 4; ++i) {
        a[i][row][column] = low(x.a[i]);
        a[i][row][column + 1] = high(x.a[i]);
      }
      for (int i = 0; i < 2; ++i) {  // b's blocks are column major
        b[i][column][row] = low(x.b[i]);
        b[i][column + 1][row] = high(x.b[i]);
        std::memcpy(&d[i][row][column], x.d + i * 2, 8);
      }
    }
  }

  void multiply() {
    for (int half = 0; half < 2; ++half)
      for (int row = 0; row < 8; ++row)
        for (int k = 0; k < 16; ++k) {
          const float factor = a[half + k / 8 * 2][row][k % 8];
          for (int n = 0; n < 8; ++n) d[half][row][n] += factor * b[k / 8][k % 8][n];
        }
  }

  void store(void* const* lanes) const {
    for (int l = 0; l < 32; ++l)
      for (int i = 0; i < 2; ++i)
        std::memcpy(static_cast<const MmaLane*>(lanes[l])->d + i * 2, &d[i][l / 4][l % 4 * 2], 8);
  }
};

using Matrices = uint16_t[4][8][8];

void ldmatrix(void* const* lanes) {
  Matrices m;
  for (int l = 0; l < 32; ++l)
    std::memcpy(m[l / 8][l % 8], static_cast<const MatrixLane*>(lanes[l])->row, 16);
  for (int l = 0; l < 32; ++l) {
    const auto& x = *static_cast<const MatrixLane*>(lanes[l]);
    const int i = l / 4, j = l % 4 * 2;
    for (int k = 0; k < 4; ++k)
      x.r[k] = x.trans ? m[k][j][i] | unsigned{m[k][j + 1][i]} << 16
                       : m[k][i][j] | unsigned{m[k][i][j + 1]} << 16;
  }
}

void stmatrix(void* const* lanes) {
  Matrices m;
  for (int l = 0; l < 32; ++l) {
    const auto& x = *static_cast<const MatrixLane*>(lanes[l]);
    const int i = l / 4, j = l % 4 * 2;
    for (int k = 0; k < 4; ++k) {
      const auto first = static_cast<uint16_t>(x.from[k]);
      const auto second = static_cast<uint16_t>(x.from[k] >> 16);
      (x.trans ? m[k][j][i] : m[k][i][j]) = first;
      (x.trans ? m[k][j + 1][i] : m[k][i][j + 1]) = second;
    }
  }
  for (int l = 0; l < 32; ++l)
    std::memcpy(static_cast<const MatrixLane*>(lanes[l])->to, m[l / 8][l % 8], 16);
}

}  // namespace

void mma_emulated(float* d, const unsigned* a, const unsigned* b, Site at) {
  MmaLane mine{d, a, b};
  warp_op(
      ~0u, &mine,
      [](void* const* lanes, unsigned) {
        MmaBlocks blocks;
        blocks.load(lanes);
        blocks.multiply();
        blocks.store(lanes);
      },
      at);
}

void ldmatrix_emulated(unsigned* r, const void* row, bool trans, Site at) {
  MatrixLane mine{r, nullptr, row, nullptr, trans};
  need_aligned(row, 16, "ldmatrix", at);
  note(row, 16, Access::kRead, at);
  warp_op(
      ~0u, &mine, [](void* const* lanes, unsigned) { ldmatrix(lanes); }, at);
}

void stmatrix_emulated(const unsigned* r, void* row, bool trans, Site at) {
  MatrixLane mine{nullptr, r, nullptr, row, trans};
  need_aligned(row, 16, "stmatrix", at);
  note(row, 16, Access::kWrite, at);
  warp_op(
      ~0u, &mine, [](void* const* lanes, unsigned) { stmatrix(lanes); }, at);
}

void cp_async_issue(void* to, const void* from, bool valid, Site at) {
  const Inside inside;
  need_aligned(to, 16, "cp.async", at);
  need_aligned(from, 16, "cp.async", at);
  note(to, 16, Access::kIssue, at);
  std::memset(to, 0xff, 16);  // whoever reads it early reads NaNs
  machine->current->copies.add({to, from, valid ? 16 : 0, at});
}

void Copy::run() const {
  if (bytes) note(from, static_cast<size_t>(bytes), Access::kRead, at);
  note(to, 16, Access::kDeliver, at);
  std::memcpy(to, from, static_cast<size_t>(bytes));
  std::memset(static_cast<char*>(to) + bytes, 0, static_cast<size_t>(16 - bytes));
}

void cp_async_commit_group() {
  const Inside inside;
  machine->current->copies.commit();
}

void cp_async_wait_group(int n, Site at) {
  const Inside inside;
  yield(at);
  machine->current->copies.wait(n);
}

}  // namespace diptych::simt
