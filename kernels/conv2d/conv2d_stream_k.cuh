// Stream-K (Osama et al., "Stream-K: Work-centric Parallel Decomposition for Dense Matrix-Matrix
// Multiplication on the GPU", PPoPP 2023): the steps of all tiles in one row, cut into equal
// pieces, one piece a block. No block is idle while others work, whatever the number of tiles.
//
//   tiles       |  tile 0   |  tile 1   |  tile 2   |        3 tiles of 6 steps
//   steps       0 1 2 3 4 5 0 1 2 3 4 5 0 1 2 3 4 5          on 4 blocks: 5 5 5 3
//   blocks      |    0    |    1    |    2    |  3  |
//   segments      0: tile 0, 0..4           whole tiles are stored at once;
//                 1: tile 0, 5; tile 1, 0..3    parts wait in slots, and a second
//                 2: tile 1, 4..5; tile 2, 0..2 kernel adds them in the blocks' order
//
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/conv2d/conv2d_rungs.cuh"
#include "kernels/conv2d/conv2d_wgmma.cuh"

namespace diptych {

// How `tiles` tiles of `steps` steps are dealt out: block b takes steps [b * each, (b + 1) * each)
// of all. Constants, so that sums do not depend on the chip: a block for each multiprocessor of the
// largest chips, unless that leaves it fewer than kLeastSteps.
struct StreamK {
  static constexpr int kBlocks = 132, kLeastSteps = 4;

  int tiles, steps, each;

  int64_t all() const { return int64_t{tiles} * steps; }

  int blocks() const { return static_cast<int>((all() + each - 1) / each); }
};

inline StreamK stream_k(int tiles, int steps) {
  StreamK k{tiles, steps, 1};
  const int64_t each = (k.all() + StreamK::kBlocks - 1) / StreamK::kBlocks;
  k.each = static_cast<int>(each > StreamK::kLeastSteps ? each : StreamK::kLeastSteps);
  return k;
}

// A block's part of a tile: steps first .. first + count - 1.
struct Segment {
  int tile, first, count;
};

__device__ inline Segment segment_at(const StreamK& k, int64_t step, int64_t end) {
  const int tile = static_cast<int>(step / k.steps), first = static_cast<int>(step % k.steps);
  const int64_t left = end - step;
  return {tile, first, left < k.steps - first ? static_cast<int>(left) : k.steps - first};
}

// Two slots a block: a part that does not begin its tile, and one that begins it.
__device__ inline int64_t slot_of(int block, bool begins_tile) {
  return 2 * int64_t{block} + (begins_tile ? 1 : 0);
}

// Runs a block's segments. load(a, b, full, tile, step) asks for the tiles of a step;
// store(tile, row, column, run) takes finished results; parts go to `partials`, slots of BM x BN.
template <class Gemm, class Load, class Store>
__device__ void run_stream_k(typename Gemm::Shared& shared,
                             const StreamK& k,
                             float* partials,
                             const Load& load,
                             const Store& store) {
  const int block = static_cast<int>(blockIdx.x);
  const int64_t begin = int64_t{block} * k.each;
  const int64_t all = int64_t{k.tiles} * k.steps;
  const int64_t end = begin + k.each < all ? begin + k.each : all;
  Gemm::init(shared);
  int done = 0;  // steps of this block so far: stages go on round and round across segments
  if (!Gemm::consumes()) {
    for (int64_t at = begin; at < end;) {
      const Segment s = segment_at(k, at, end);
      Gemm::produce(
          shared, s.count,
          [&](simt::bf16* a, simt::bf16* b, simt::Mbarrier& full, int step) {
            load(a, b, full, s.tile, s.first + step);
          },
          done);
      done += s.count;
      at += s.count;
    }
    return;
  }
  for (int64_t at = begin; at < end;) {
    const Segment s = segment_at(k, at, end);
    typename Gemm::Acc acc;
    Gemm::consume(shared, s.count, acc, done);
    Gemm::release(shared, done + s.count - 1);
    if (s.count == k.steps) {
      Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
        store(s.tile, row, column, run);
      });
    } else {
      float* const slot = partials + slot_of(block, s.first == 0) * Gemm::BM * Gemm::BN;
      Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
        store_vector<8>(slot + row * Gemm::BN + column, run);
      });
    }
    done += s.count;
    at += s.count;
  }
}

constexpr int kFixUpThreads = 256;

// The second kernel: blockIdx.x is a tile; blockIdx.y a share of its runs.
template <class Gemm, class Store>
__device__ void fix_up_stream_k(const StreamK& k, const float* partials, const Store& store) {
  const int tile = static_cast<int>(blockIdx.x);
  const int64_t begin = int64_t{tile} * k.steps, end = begin + k.steps;
  const int first = static_cast<int>(begin / k.each), last = static_cast<int>((end - 1) / k.each);
  if (first == last) return;  // one block had all of it
  constexpr int kRuns = Gemm::BM * Gemm::BN / 8;
  const int run_index =
      static_cast<int>(blockIdx.y) * kFixUpThreads + static_cast<int>(threadIdx.x);
  if (run_index >= kRuns) return;
  const int row = run_index / (Gemm::BN / 8), column = run_index % (Gemm::BN / 8) * 8;
  float sum[8] = {};
  constexpr int kAtOnce = 4;  // a tile may have many parts and few threads: loads under way
  for (int block = first; block <= last; block += kAtOnce) {
    float part[kAtOnce][8] = {};
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      if (block + j > last) continue;
      const bool begins = int64_t{block + j} * k.each <= begin;
      load_vector<8>(
          partials + slot_of(block + j, begins) * Gemm::BM * Gemm::BN + row * Gemm::BN + column,
          part[j]);
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j)
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[i] += part[j][i];
  }
  store(tile, row, column, sum);
}

}  // namespace diptych
