// gemm, rung 4, backward weight on tensor cores: an outer product that is written once.
//
// dw has M/2 multiply-adds per byte, so its stores are the work: 4 bytes a weight, twice that and
// as many reads to accumulate. The idea over rung 3 is that of gemm_4_mma.cu, products to mma.sync:
//
//   backward weight   A = x^T a warp: 64 columns i, all M terms, kept in registers
//                     B = dy  pairs of batch rows in shared memory, 8 rows o after another
//                         block: 4 warps of 64 columns, 2 of 32 rows
//
//   o      staged: (m, m+1) of o0, o0+1, ..        one word is what a lane needs of B
//   x^T    i0 .. i0+31 | i0+32 .. i0+63            lane g: columns i0+4g .. +3 and i0+32+4g .. +3
//   dw     row o: | g0 | g1 | .. | g7 |            8 lanes of 16 bytes, 4 rows o an instruction
//
// What bounds it: memory, the writes. A batch of more than 64 is taken in parts that add to what
// the parts before have written.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm_mma.cuh"
#include "kernels/gemm/gemm_stream.cuh"

namespace diptych {

namespace {

using simt::bf16;

constexpr int kThreads = kStreamThreads;

constexpr int kOuterWarps = 4, kOuterColumns = kOuterWarps * 64;  // of dw: a block's
constexpr int kOuterTiles = 4, kOuterRows = 2 * kOuterTiles * 8;  // 32 a warp
constexpr int kPairPitch = kOuterRows + 8;  // 4 pairs of rows by 8 columns meet 32 banks

// staged[m / 2][o] = elements (m, o) and (m + 1, o) of dy, zeros behind the ends.
template <int KS>
__device__ __forceinline__ void stage_pairs(
    unsigned (&staged)[KS * 8][kPairPitch], const bf16* dy, int rows, int out, int o0) {
  for (int at = static_cast<int>(threadIdx.x); at < KS * 8 * kOuterRows; at += kThreads) {
    const int pair = at / kOuterRows, o = o0 + at % kOuterRows;
    unsigned word = 0;
#pragma unroll
    for (int i = 0; i < 2; ++i)
      if (2 * pair + i < rows && o < out)
        word |= bits_at(dy + int64_t{2 * pair + i} * out + o) << (16 * i);
    staged[pair][at % kOuterRows] = word;
  }
}

// x^T of 64 columns: four 16-row tiles for each of KS steps of 16 batch rows. Row g of half tile h
// is column 4g + h, or for h >= 4 column 32 + 4g + h - 4: then 8 lanes store 128 bytes in a row.
template <int KS>
__device__ __forceinline__ void load_columns(
    unsigned (&a)[KS][4][4], const bf16* x, int rows, int in, int i) {
#pragma unroll
  for (int k = 0; k < KS; ++k)
#pragma unroll
    for (int part = 0; part < 2; ++part) {  // columns from i, and from i + 32
      HalfChunk v[4];
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        const int m = k * 16 + lane_t() * 2 + r / 2 * 8 + r % 2;
        v[r] = load_or_zero<HalfChunk>(x + int64_t{m} * in + i + part * 32,
                                       m < rows && i + part * 32 < in);
      }
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        unsigned(&tile)[4] = a[k][2 * part + j];
        tile[0] = low_pair(v[0].v[j], v[1].v[j]);
        tile[1] = high_pair(v[0].v[j], v[1].v[j]);
        tile[2] = low_pair(v[2].v[j], v[3].v[j]);
        tile[3] = high_pair(v[2].v[j], v[3].v[j]);
      }
    }
}

template <int KS>
__global__ void __launch_bounds__(kThreads, 2)
    dense_backward_weight_mma_kernel(int rows,
                                     int in,
                                     int out,
                                     const bf16* __restrict__ x,
                                     const bf16* __restrict__ dy,
                                     float* __restrict__ dw,
                                     bool accumulate) {
  __shared__ unsigned staged[KS * 8][kPairPitch];
  const int column_tiles = (in + kOuterColumns - 1) / kOuterColumns;
  const int o0 = static_cast<int>(blockIdx.x) / column_tiles * kOuterRows;
  const int i = static_cast<int>(blockIdx.x) % column_tiles * kOuterColumns +
                warp_index() % kOuterWarps * 64 + lane_g() * 4;
  const int first = warp_index() / kOuterWarps * kOuterTiles * 8;
  stage_pairs<KS>(staged, dy, rows, out, o0);
  unsigned a[KS][4][4];
  load_columns<KS>(a, x, rows, in, i);
  __syncthreads();  // dy is there
  for (int tile = 0; tile < kOuterTiles; ++tile) {
    const int o = first + tile * 8;
    float sum[4][4] = {};
#pragma unroll
    for (int k = 0; k < KS; ++k) {
      const unsigned b[2] = {staged[k * 8 + lane_t()][o + lane_g()],
                             staged[k * 8 + lane_t() + 4][o + lane_g()]};
#pragma unroll
      for (int j = 0; j < 4; ++j) simt::mma_16816(sum[j], a[k][j], b);
    }
#pragma unroll
    for (int p = 0; p < 2; ++p) {
      const int row = o0 + o + lane_t() * 2 + p;
#pragma unroll
      for (int part = 0; part < 2; ++part) {
        const int column = i + part * 32;
        float v[4] = {sum[2 * part][p], sum[2 * part][2 + p], sum[2 * part + 1][p],
                      sum[2 * part + 1][2 + p]};
        if (row < out && column < in) add_run(dw + int64_t{row} * in + column, accumulate, v);
      }
    }
  }
}

// Hosts.

// A batch of more than 64 is taken in parts that add to the ones before.
void run_backward_weight(const DenseCudaBackwardWeight& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  const int64_t tiles = tiles_in(t.out, kOuterRows) * tiles_in(t.in, kOuterColumns);
  for (int m0 = 0; m0 < t.m; m0 += 64) {
    const int rows = t.m - m0 < 64 ? t.m - m0 : 64;
    const auto kernel = rows <= 16   ? dense_backward_weight_mma_kernel<1>
                        : rows <= 32 ? dense_backward_weight_mma_kernel<2>
                                     : dense_backward_weight_mma_kernel<4>;
    simt::launch(kernel, stream_config(tiles, {1, 0}, 0, stream), rows, t.in, t.out,
                 static_cast<const bf16*>(a.x) + int64_t{m0} * t.in,
                 static_cast<const bf16*>(a.dy) + int64_t{m0} * t.out, a.dw,
                 a.accumulate || m0 > 0);
  }
}

}  // namespace

// Instantiations: {16, 32, 64} rows of the batch.

const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightMma = {
    "mma",
    [](const DenseCudaBackwardWeight& a, int chip) {
      return accepts_bf16(a, chip) && chunks(a.problem.in, a.x, a.dw);
    },
    suits_any, needs_no_workspace, run_backward_weight};

}  // namespace diptych
