// The Hopper engine of rung 4: a 128 x BN tile of a matrix product. One thread asks the copy engine
// for boxes, two warp groups multiply them straight out of shared memory with wgmma.
//
//   warp group 2 (1 thread)     full[s]          warp groups 0, 1: rows 0..63, 64..127
//   wait empty[s] ------------> expect bytes --> wait full[s]
//   TMA box of A, of B          bytes arrive     4 x wgmma m64 x BN x 16, commit
//   next stage    <------------ empty[s] ------- the stage before is read: arrive
//
// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <type_traits>

#include "kernels/common/cuda/tma.cuh"
#include "kernels/common/cuda/wgmma.cuh"
#include "kernels/conv2d/conv2d_mma.cuh"

namespace diptych {

// A tile's pixels: a box of 2^log_q x 2^log_p x 2^log_n, q fastest, so that one bulk tensor copy
// fetches what a tap sees of it.
struct PixelTiles {
  int log_q, log_p, log_n;
  int along_q, along_p, along_n;  // how many tiles

  int count() const { return along_q * along_p * along_n; }

  __device__ Pixel origin(int tile) const {
    return {tile / along_q / along_p << log_n, tile / along_q % along_p << log_p,
            tile % along_q << log_q};
  }

  __device__ Pixel at(const Pixel& origin, int row) const {
    return {origin.n + (row >> (log_q + log_p)), origin.y + (row >> log_q & ((1 << log_p) - 1)),
            origin.x + (row & ((1 << log_q) - 1))};
  }
};

template <int BN_, Major AMajor, Major BMajor>
struct WgmmaGemm {
  static constexpr int BM = 128, BN = BN_, BK = 64, kStages = BN == 128 ? 5 : 6;
  static constexpr int kConsumers = 256, kThreads = kConsumers + 128;
  static constexpr int kBox = 64 * 64;  // elements of a box of 64 rows of 128 bytes: 8 KB
  static constexpr bool kTransA = AMajor == Major::kRows, kTransB = BMajor == Major::kRows;
  static constexpr unsigned kStageBytes = (BM + BN) * BK * sizeof(simt::bf16);
  using Acc = float[BN / 2];  // of a thread, 64 rows a warp group: as mma, 8 columns after 8

  struct Shared {  // tiles at multiples of 1024 bytes, as the swizzle wants
    alignas(1024) simt::bf16 a[kStages][BM * BK];
    alignas(1024) simt::bf16 b[kStages][BN * BK];
    Slice<4> slices[kConsumers / 32];
    simt::Mbarrier full[kStages], empty[kStages];
  };

  __device__ static void init(Shared& s) {
    if (threadIdx.x == 0)
      for (int i = 0; i < kStages; ++i) {
        s.full[i].init(1);
        s.empty[i].init(kConsumers / 32);  // one arrival per warp
      }
    __syncthreads();  // the barriers exist before anyone uses them
  }

  __device__ static bool consumes() { return threadIdx.x < kConsumers; }

  // load(a, b, full, step) asks for both tiles of a step, kStageBytes in all. done: steps of this
  // block before these, which have used the stages in turn.
  template <class Load>
  __device__ static void produce(Shared& s, int steps, const Load& load, int done = 0) {
    if (threadIdx.x != kConsumers) return;
    for (int step = 0; step < steps; ++step) {
      const int stage = (done + step) % kStages, round = (done + step) / kStages;
      if (round > 0) s.empty[stage].wait((round - 1) & 1);
      s.full[stage].arrive_expect(kStageBytes);
      load(s.a[stage], s.b[stage], s.full[stage], step);
    }
  }

  // The tile as wgmma reads it, from 16 * kk of gemm_k on. Contiguous along gemm_k: rows of 128
  // bytes, 8 of them a block of 1024; 16 of gemm_k are 32 bytes. Contiguous along its own rows:
  // each row is 64 of them at one gemm_k, groups of 64 a box apart; 16 of gemm_k are 16 rows.
  template <bool Trans>
  __device__ static uint64_t descriptor(const simt::bf16* tile, int kk) {
    return simt::smem_descriptor(tile + kk * 16 * (Trans ? 64 : 1), kBox * 2, 1024,
                                 simt::Swizzle::k128);
  }

  // read(step, a): this warp group's box of A, free to be read while the tensor cores read it too.
  template <class Read = NoRead>
  __device__ static void consume(
      Shared& s, int steps, Acc& acc, int done = 0, const Read& read = Read()) {
    const int group = static_cast<int>(threadIdx.x) / 128;
    const bool first_lane = threadIdx.x % 32 == 0;
#pragma unroll
    for (int i = 0; i < BN / 2; ++i) acc[i] = 0;
    for (int step = 0; step < steps; ++step) {
      const int stage = (done + step) % kStages;
      s.full[stage].wait((done + step) / kStages & 1);
      simt::wgmma_fence(acc);
#pragma unroll
      for (int kk = 0; kk < BK / 16; ++kk)
        simt::wgmma_m64k16<BN, kTransA, kTransB>(acc,
                                                 descriptor<kTransA>(s.a[stage] + group * kBox, kk),
                                                 descriptor<kTransB>(s.b[stage], kk), true);
      simt::wgmma_commit();
      read(step, s.a[stage] + group * kBox);
      if constexpr (!std::is_same_v<Read, NoRead>)
        __syncwarp();            // every lane has read what the first one will give back
      simt::wgmma_wait<1>(acc);  // the step before this one has been read
      if (step > 0 && first_lane) s.empty[(done + step - 1) % kStages].arrive();
    }
    simt::wgmma_wait<0>(acc);
  }

  // Gives back the stage of the last step consumed, when more steps are to come.
  __device__ static void release(Shared& s, int step) {
    if (threadIdx.x % 32 == 0) s.empty[step % kStages].arrive();
  }

  // Sums of a warp group's 64 rows of A over gemm_k, A contiguous along its rows. A box is 64
  // lines, one for each of gemm_k, of 8 chunks of 8 rows, swizzled: thread t takes chunk t % 8 of
  // every 16th line.
  struct RowSums {
    float of[8] = {};

    __device__ void add(const simt::bf16* box) {
      const int thread = static_cast<int>(threadIdx.x) % 128, chunk = thread % 8;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int line = thread / 8 + i * 16;
        const uint4 word =
            *reinterpret_cast<const uint4*>(box + line * 64 + (chunk ^ line % 8) * 8);
        simt::bf16 elements[8];
        memcpy(elements, &word, sizeof word);
#pragma unroll
        for (int j = 0; j < 8; ++j) of[j] += static_cast<float>(elements[j]);
      }
    }

    // use(row, sum) once for each row of the block's tile. Goes through the slices' memory.
    template <class Use>
    __device__ void for_each(Shared& s, const Use& use) {
      const int thread = static_cast<int>(threadIdx.x), group = thread / 128, lane = thread % 32;
      auto* const warp_sums = reinterpret_cast<float*>(&s.slices[group * 4]);  // [4][64]
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        of[j] += __shfl_xor_sync(~0u, of[j], 8);
        of[j] += __shfl_xor_sync(~0u, of[j], 16);
        if (lane < 8) warp_sums[thread % 128 / 32 * 64 + lane * 8 + j] = of[j];
      }
      simt::bar_sync(1 + group, 128);  // the four warps' sums are there
      if (thread % 128 < 64) {
        const float* const first = warp_sums + thread % 128;
        use(thread % 128 + group * 64, first[0] + first[64] + first[128] + first[192]);
      }
      simt::bar_sync(1 + group, 128);  // and read: the slices are free
    }
  };

  // use(row, column, run): 8 neighbouring results of a row of the tile, for each such run.
  template <class Use>
  __device__ static void for_each_run(Shared& s, const Acc& acc, const Use& use) {
    const int warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
    for (int first = 0; first < BN / 8; first += 4)
      s.slices[warp].for_each_run([&](int j, int e) { return acc[(first + j) * 4 + e]; },
                                  [&](int row, int column, float(&run)[8]) {
                                    use(warp * 16 + row, first * 8 + column, run);
                                  });
  }
};

}  // namespace diptych
