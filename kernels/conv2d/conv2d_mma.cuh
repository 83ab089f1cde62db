// The tensor-core engine of rung 3: one tile of a matrix product, operands through a ring of
// shared-memory stages, whichever way round they lie in memory.
//
//   global --cp.async--> ring[stage] --ldmatrix(.trans)--> fragments --mma.sync--> acc
//            16 bytes    swizzled      8x8 blocks           registers
//
// The three passes of conv2d differ in where the elements of A and B come from (their fill) and in
// which index is contiguous there (their Major).
// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include "kernels/common/cuda/cp_async.cuh"
#include "kernels/common/cuda/mma.cuh"
#include "kernels/conv2d/conv2d_runs.cuh"

namespace diptych {

// Which index of an operand is contiguous in memory: gemm_k, or its own rows (gemm_m or gemm_n).
enum class Major { kDepth, kRows };

template <int BM_, int BN_, int WarpsM, int WarpsN, int Stages>
struct MmaShape {
  static constexpr int BM = BM_, BN = BN_, BK = 32, kStages = Stages;
  static constexpr int kWarpsM = WarpsM, kWarps = WarpsM * WarpsN, kThreads = 32 * kWarps;
  static constexpr int WM = BM / WarpsM, WN = BN / WarpsN;  // a warp's part
  static constexpr int MI = WM / 16, NI = WN / 8;           // in mma tiles of 16 x 8
  static_assert(WM % 16 == 0 && WN % 16 == 0, "ldmatrix_x4 brings 16 rows of either operand");
};

// Rows of 16-byte chunks. Chunk c of row r lies at c xor (some bits of r), so that the 8 rows that
// one ldmatrix phase reads at the same c lie in different banks; a row pitch would waste memory.
template <int Rows, int Columns>
struct SwizzledTile {
  static constexpr int kRows = Rows, kChunks = Columns / 8;

  simt::bf16 element[Rows][Columns];

  __device__ static int place(int row, int chunk) {
    constexpr int kRowsOf128Bytes = kChunks >= 8 ? 1 : 8 / kChunks;
    constexpr int kMask = (kChunks >= 8 ? 8 : kChunks) - 1;
    return (chunk ^ (row / kRowsOf128Bytes & kMask)) * 8;
  }

  __device__ simt::bf16* chunk(int row, int c) { return &element[row][place(row, c)]; }

  __device__ const simt::bf16* chunk(int row, int c) const { return &element[row][place(row, c)]; }
};

// Which chunks of a tile this thread fills: one column of chunks, every kStep-th row.
template <class Tile, int Threads>
struct Filling {
  static constexpr int kStep = Threads / Tile::kChunks;
  static constexpr int kRows = (Tile::kRows + kStep - 1) / kStep;

  __device__ static int column() { return static_cast<int>(threadIdx.x) % Tile::kChunks; }

  __device__ static int row(int i) {
    return static_cast<int>(threadIdx.x) / Tile::kChunks + i * kStep;
  }

  __device__ static bool has(int i) { return Tile::kRows % kStep == 0 || row(i) < Tile::kRows; }
};

template <class Word>
__device__ __forceinline__ void copy_word(simt::bf16* to, const simt::bf16* from) {
  Word word{};
  if (from) word = __ldg(reinterpret_cast<const Word*>(from));
  *reinterpret_cast<Word*>(to) = word;
}

template <class From>
__device__ __forceinline__ void fill_pieces(simt::bf16* to, int width, const From& from) {
  for (int j = 0; j < 8; j += width) {
    const simt::bf16* const p = from(j);
    if (width == 4)
      copy_word<uint2>(to + j, p);
    else if (width == 2)
      copy_word<unsigned>(to + j, p);
    else
      copy_word<unsigned short>(to + j, p);
  }
}

// Fills a chunk; from(j) is where elements j.. of it are, or null for zeros. Whole chunks go
// asynchronously, `spare` standing in for null. Any: pieces of `width` elements, from(0),
// from(width), ... in this order, through registers where they are shorter than a chunk.
template <bool Any, class From>
__device__ __forceinline__ void fill_chunk(simt::bf16* to,
                                           int width,
                                           const simt::bf16* spare,
                                           const From& from) {
  if constexpr (Any) {
    if (width < 8) return fill_pieces(to, width, from);
  }
  const simt::bf16* const p = from(0);
  simt::cp_async_16(to, p ? p : spare, p != nullptr);
}

struct NoRead {
  template <class Tile>
  __device__ void operator()(int, const Tile&) const {}
};

template <class Shape, Major AMajor, Major BMajor>
struct MmaGemm {
  static constexpr int BM = Shape::BM, BN = Shape::BN, BK = Shape::BK, kStages = Shape::kStages;
  static constexpr int MI = Shape::MI, NI = Shape::NI;
  static constexpr bool kTransA = AMajor == Major::kRows, kTransB = BMajor == Major::kRows;
  using ATile = std::conditional_t<kTransA, SwizzledTile<BK, BM>, SwizzledTile<BM, BK>>;
  using BTile = std::conditional_t<kTransB, SwizzledTile<BK, BN>, SwizzledTile<BN, BK>>;
  using FillA = Filling<ATile, Shape::kThreads>;
  using FillB = Filling<BTile, Shape::kThreads>;
  using Acc = float[MI][NI][4];

  struct Stage {
    ATile a;
    BTile b;
  };

  union Shared {
    Stage ring[kStages];
    Slice<NI> slices[Shape::kWarps];           // the results on their way out
    float row_sums[Shape::kThreads / BM][BM];  // see RowSums
  };

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }

  __device__ static int warp_m() {
    return static_cast<int>(threadIdx.x) / 32 % Shape::kWarpsM * Shape::WM;
  }

  __device__ static int warp_n() {
    return static_cast<int>(threadIdx.x) / 32 / Shape::kWarpsM * Shape::WN;
  }

  // One stage. The lane's row and chunk name which row of which 8x8 block it fetches for ldmatrix;
  // kk is the step of 16 along gemm_k.
  __device__ static void multiply(const Stage& stage, Acc& acc) {
#pragma unroll
    for (int kk = 0; kk < BK / 16; ++kk) {
      unsigned a[MI][4], b[NI / 2][4];
#pragma unroll
      for (int i = 0; i < MI; ++i) {
        const int at = warp_m() + i * 16;
        if constexpr (kTransA)  // tile rows are gemm_k; .trans turns each block round
          simt::ldmatrix_x4<true>(
              a[i], stage.a.chunk(kk * 16 + lane() / 16 * 8 + lane() % 8, at / 8 + lane() / 8 % 2));
        else
          simt::ldmatrix_x4(a[i], stage.a.chunk(at + lane() % 16, kk * 2 + lane() / 16));
      }
#pragma unroll
      for (int j = 0; j < NI / 2; ++j) {
        const int at = warp_n() + j * 16;
        if constexpr (kTransB)
          simt::ldmatrix_x4<true>(
              b[j], stage.b.chunk(kk * 16 + lane() / 8 % 2 * 8 + lane() % 8, at / 8 + lane() / 16));
        else
          simt::ldmatrix_x4(
              b[j], stage.b.chunk(at + lane() / 16 * 8 + lane() % 8, kk * 2 + lane() / 8 % 2));
      }
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int j = 0; j < NI; ++j) {
          const unsigned pair[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
          simt::mma_16816(acc[i][j], a[i], pair);
        }
    }
  }

  // acc = sum over `steps` steps of BK along gemm_k. fill(stage, step) starts the copies of a step;
  // it is called with 0, 1, 2, ... read(step, a) may look at each tile of A.
  template <class Fill, class Read = NoRead>
  __device__ static void run(
      Shared& s, int steps, Fill&& fill, Acc& acc, const Read& read = Read()) {
#pragma unroll
    for (int i = 0; i < MI; ++i)
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) acc[i][j][e] = 0;
    for (int step = 0; step < kStages - 1; ++step) {
      if (step < steps) fill(s.ring[step], step);
      simt::cp_async_commit();
    }
    for (int step = 0; step < steps; ++step) {
      simt::cp_async_wait<kStages - 2>();
      __syncthreads();  // this stage has arrived for all, and all have read the oldest one
      const int next = step + kStages - 1;
      if (next < steps) fill(s.ring[next % kStages], next);
      simt::cp_async_commit();  // a group for every step, empty at the end: the wait counts groups
      multiply(s.ring[step % kStages], acc);
      read(step, s.ring[step % kStages].a);
    }
  }

  // Sums of the rows of A over gemm_k, A contiguous along its rows: thread t keeps row t % BM of
  // every kParts-th line of a stage. One register; the accumulators need all others.
  struct RowSums {
    static constexpr int kParts = Shape::kThreads / BM;

    float sum = 0;

    __device__ static int row() { return static_cast<int>(threadIdx.x) % BM; }

    __device__ static int part() { return static_cast<int>(threadIdx.x) / BM; }

    __device__ void add(const ATile& a) {
#pragma unroll
      for (int line = 0; line < BK; line += kParts)
        sum += static_cast<float>(a.chunk(line + part(), row() / 8)[row() % 8]);
    }

    // use(row, sum) once for each row of the tile. Goes through the ring's memory.
    template <class Use>
    __device__ void for_each(Shared& s, const Use& use) {
      simt::cp_async_wait<0>();
      __syncthreads();  // the ring has been read by all
      s.row_sums[part()][row()] = sum;
      __syncthreads();  // the parts are there
      if (part() > 0) return;
      for (int i = 1; i < kParts; ++i) sum += s.row_sums[i][row()];
      use(row(), sum);
    }
  };

  // use(row, column, run): 8 neighbouring results of a row of the tile, for each such run.
  template <class Use>
  __device__ static void for_each_run(Shared& s, const Acc& acc, const Use& use) {
    simt::cp_async_wait<0>();
    __syncthreads();  // the ring has been read by all: its memory is free
    Slice<NI>& slice = s.slices[threadIdx.x / 32];
#pragma unroll
    for (int i = 0; i < MI; ++i)
      slice.for_each_run([&](int j, int e) { return acc[i][j][e]; },
                         [&](int row, int column, float(&run)[8]) {
                           use(warp_m() + i * 16 + row, warp_n() + column, run);
                         });
  }
};

}  // namespace diptych
