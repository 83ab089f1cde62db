// A convolution as an implicit GEMM on tensor cores: a whole kernel for the emulator to prove
// itself on.
//   x (N,H,W,C) bf16, w (K,R,S,C) bf16, y (N,P,Q,K) bf16, bias (K) f32; C % 8 == 0, K % 2 == 0
// Rows of the GEMM are output pixels, columns output channels, its depth is r, s, c. Tiles of both
// operands go through a ring of Stages shared buffers, filled by cp.async (halo and ragged edges
// arrive as zeros), read by ldmatrix, multiplied by mma.sync.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cp_async.cuh"

namespace diptych {

struct ConvShape {
  int n, h, w, c, k;
  int r, s, stride, pad;

  __host__ __device__ int p() const { return (h + 2 * pad - r) / stride + 1; }

  __host__ __device__ int q() const { return (w + 2 * pad - s) / stride + 1; }
};

template <int BM, int BN, int BK, int Stages>
struct ConvTiles {
  simt::bf16 a[Stages][BM][BK], b[Stages][BN][BK];
};

// Where chunk c (16 bytes) of row r of a tile lies: the rows of one ldmatrix phase must not share
// banks.
template <int BK>
__device__ constexpr int chunk_of(int r, int c) {
  return BK == 64 ? c ^ (r & 7) : c ^ (r >> 1 & 3);
}

// What one thread fetches: chunk `column` of rows row, row + kStep, ... of each tile.
template <int BM, int BN, int BK, int Threads>
struct ConvFetch {
  static constexpr int kChunks = BK / 8, kStep = Threads / kChunks;
  static constexpr int kRowsA = BM / kStep, kRowsB = BN / kStep;

  const simt::bf16 *x, *w;
  ConvShape d;
  int n0, depth, row, column;
  int ih[kRowsA], iw[kRowsA];
  const simt::bf16* image[kRowsA];

  __device__ void begin(int m0) {
    const int thread = static_cast<int>(threadIdx.x);
    row = thread / kChunks;
    column = thread % kChunks;
    const int p_count = d.p(), q_count = d.q(), gemm_m = d.n * p_count * q_count;
    for (int i = 0; i < kRowsA; ++i) {
      const int m = m0 + row + i * kStep;
      const bool in = m < gemm_m;
      ih[i] = in ? m / q_count % p_count * d.stride - d.pad : -(1 << 20);
      iw[i] = m % q_count * d.stride - d.pad;
      image[i] = x + static_cast<int64_t>(in ? m / (q_count * p_count) : 0) * d.h * d.w * d.c;
    }
  }

  template <class Tiles>
  __device__ void fill(Tiles& t, int stage, int k0) const {
    const int k = k0 + column * 8, c = k % d.c, s = k / d.c % d.s, r = k / (d.c * d.s);
    for (int i = 0; i < kRowsA; ++i) {
      const int at = row + i * kStep, h = ih[i] + r, v = iw[i] + s;
      const bool in = k < depth && h >= 0 && h < d.h && v >= 0 && v < d.w;
      simt::cp_async_16(&t.a[stage][at][chunk_of<BK>(at, column) * 8],
                        in ? image[i] + (static_cast<int64_t>(h) * d.w + v) * d.c + c : x, in);
    }
    for (int i = 0; i < kRowsB; ++i) {
      const int at = row + i * kStep;
      const bool in = k < depth && n0 + at < d.k;
      simt::cp_async_16(&t.b[stage][at][chunk_of<BK>(at, column) * 8],
                        in ? w + static_cast<int64_t>(n0 + at) * depth + k : w, in);
    }
  }
};

template <int BK, int MI, int NI, class Tiles>
__device__ __forceinline__ void conv_multiply(
    const Tiles& t, int stage, int wm, int wn, float (&acc)[MI][NI][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int kk = 0; kk < BK / 16; ++kk) {
    unsigned a[MI][4], b[NI / 2][4];
#pragma unroll
    for (int i = 0; i < MI; ++i) {
      const int r = wm + i * 16 + lane % 16;
      simt::ldmatrix_x4(a[i], &t.a[stage][r][chunk_of<BK>(r, kk * 2 + lane / 16) * 8]);
    }
#pragma unroll
    for (int j = 0; j < NI / 2; ++j) {
      const int r = wn + j * 16 + lane % 8 + lane / 16 * 8;
      simt::ldmatrix_x4(b[j], &t.b[stage][r][chunk_of<BK>(r, kk * 2 + lane / 8 % 2) * 8]);
    }
#pragma unroll
    for (int i = 0; i < MI; ++i)
#pragma unroll
      for (int j = 0; j < NI; ++j) {
        const unsigned bj[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
        simt::mma_16816(acc[i][j], a[i], bj);
      }
  }
}

template <int BM, int BN, int BK, int Stages, int Threads>
__global__ void __launch_bounds__(Threads) conv_forward_mma_kernel(const simt::bf16* x,
                                                                   const simt::bf16* w,
                                                                   const float* bias,
                                                                   simt::bf16* y,
                                                                   ConvShape d,
                                                                   float slope) {
  constexpr int kWarpsM = 2, kWarpsN = Threads / 32 / kWarpsM;
  constexpr int WM = BM / kWarpsM, WN = BN / kWarpsN, MI = WM / 16, NI = WN / 8;
  auto& t = simt::shared<ConvTiles<BM, BN, BK, Stages>>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int gemm_m = d.n * d.p() * d.q(), depth = d.r * d.s * d.c;
  const int m0 = static_cast<int>(blockIdx.x) * BM, n0 = static_cast<int>(blockIdx.y) * BN;
  ConvFetch<BM, BN, BK, Threads> fetch{x, w, d, n0, depth, 0, 0, {}, {}, {}};
  fetch.begin(m0);

  float acc[MI][NI][4] = {};
  const int wm = warp % kWarpsM * WM, wn = warp / kWarpsM * WN;
  const int steps = (depth + BK - 1) / BK;
  for (int i = 0; i < Stages - 1; ++i) {
    if (i < steps) fetch.fill(t, i, i * BK);
    simt::cp_async_commit();
  }
  for (int step = 0; step < steps; ++step) {
    simt::cp_async_wait<Stages - 2>();
    __syncthreads();  // this stage is here for all, and the oldest one read by all
    const int ahead = step + Stages - 1;
    if (ahead < steps) fetch.fill(t, ahead % Stages, ahead * BK);
    simt::cp_async_commit();
    conv_multiply<BK>(t, step % Stages, wm, wn, acc);
  }
  simt::cp_async_wait<0>();

#pragma unroll
  for (int i = 0; i < MI; ++i)
#pragma unroll
    for (int j = 0; j < NI; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int m = m0 + wm + i * 16 + lane / 4 + half * 8, k = n0 + wn + j * 8 + lane % 4 * 2;
        if (m >= gemm_m || k >= d.k) continue;
        const float u = acc[i][j][half * 2] + bias[k], v = acc[i][j][half * 2 + 1] + bias[k + 1];
        __stcs(reinterpret_cast<simt::bf16x2*>(y + static_cast<int64_t>(m) * d.k + k),
               __floats2bfloat162_rn(u > 0 ? u : u * slope, v > 0 ? v : v * slope));
      }
}

}  // namespace diptych
