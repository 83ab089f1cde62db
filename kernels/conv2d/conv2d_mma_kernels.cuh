// The three passes of conv2d as tensor-core GEMMs: where each finds its operands. Rung 3 runs them
// on whole 16-byte chunks, conv2d_thin.cu (Any) on channels that do not come in eights.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d_mma.cuh"

namespace diptych {

// An image, and where in it tap (0, 0) of some result falls.
struct MmaPatch {
  const simt::bf16* image;
  int y, x;
};

constexpr int kFarAway = -(1 << 24);  // a coordinate that no tap brings back into the image

// gemm_m = n,p,q  gemm_n = k  gemm_k = r,s,c. A: pixels under a tap, c contiguous. B: w, r,s,c
// contiguous. A chunk of 8 channels keeps its column, so a thread tracks one tap for all its rows.
template <class Shape, bool Any>
__global__ void __launch_bounds__(Shape::kThreads, 512 / Shape::kThreads)
    conv2d_forward_mma_kernel(ConvDims d,
                              const simt::bf16* __restrict__ x,
                              const simt::bf16* __restrict__ w,
                              ForwardStore<simt::bf16> store,
                              int width) {
  using Gemm = MmaGemm<Shape, Major::kDepth, Major::kDepth>;
  using A = typename Gemm::FillA;
  using B = typename Gemm::FillB;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const int m0 = static_cast<int>(blockIdx.x) * Gemm::BM;
  const int n0 = static_cast<int>(blockIdx.y) * Gemm::BN, depth = d.depth();

  MmaPatch patch[A::kRows];
#pragma unroll
  for (int i = 0; i < A::kRows; ++i) {
    const int m = m0 + A::row(i);
    const Pixel at = m < d.pixels() ? pixel_of(m, d.p, d.q) : Pixel{0, 0, 0};
    patch[i] = {x + int64_t{at.n} * d.h * d.w * d.c,
                m < d.pixels() ? at.y * d.stride - d.pad_top : kFarAway,
                at.x * d.stride - d.pad_left};
  }
  Tap tap = tap_of(A::column() * 8, d.s, d.c);
  typename Gemm::Acc acc;
  Gemm::run(
      shared, (depth + Gemm::BK - 1) / Gemm::BK,
      [&](typename Gemm::Stage& stage, int step) {
#pragma unroll
        for (int i = 0; i < A::kRows; ++i) {
          Tap at = tap;
          if (A::has(i))
            fill_chunk<Any>(stage.a.chunk(A::row(i), A::column()), width, x,
                            [&](int j) -> const simt::bf16* {
                              if (Any && j) at.advance(width, d.s, d.c);
                              const int row = patch[i].y + at.r, column = patch[i].x + at.s;
                              if (at.r >= d.r || !inside(row, column, d.h, d.w)) return nullptr;
                              return patch[i].image + (row * d.w + column) * d.c + at.channel;
                            });
        }
        tap.advance(Gemm::BK, d.s, d.c);
        const int index = step * Gemm::BK + B::column() * 8;
#pragma unroll
        for (int i = 0; i < B::kRows; ++i) {
          const int k = n0 + B::row(i);
          if (B::has(i))
            fill_chunk<Any>(stage.b.chunk(B::row(i), B::column()), width, w,
                            [&](int j) -> const simt::bf16* {
                              if (k >= d.k || index + j >= depth) return nullptr;
                              return w + k * depth + index + j;
                            });
        }
      },
      acc);
  Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
    if (m0 + row < d.pixels()) put_run(store, d, m0 + row, n0 + column, run);
  });
}

// gemm_m = n,h,w of phase blockIdx.z  gemm_n = c  gemm_k = r',s',k. A: da under a tap (its taps run
// backwards), k contiguous. B: w[k][r][s][c], where c is contiguous: rows of gemm_k, turned round
// by ldmatrix.trans instead of by a transposed copy of the weights.
template <class Shape, bool Any>
__global__ void __launch_bounds__(Shape::kThreads, 512 / Shape::kThreads)
    conv2d_backward_data_mma_kernel(ConvDims d,
                                    const simt::bf16* __restrict__ da,
                                    const simt::bf16* __restrict__ w,
                                    DataStore<simt::bf16> store,
                                    int width_k,
                                    int width_c) {
  using Gemm = MmaGemm<Shape, Major::kDepth, Major::kRows>;
  using A = typename Gemm::FillA;
  using B = typename Gemm::FillB;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const Phase f = phase_of(d, static_cast<int>(blockIdx.z));
  const int m0 = static_cast<int>(blockIdx.x) * Gemm::BM;
  const int n0 = static_cast<int>(blockIdx.y) * Gemm::BN;
  const int pixels = f.pixels(d), depth = f.taps_r * f.taps_s * d.k;
  if (m0 >= pixels) return;

  MmaPatch patch[A::kRows];
#pragma unroll
  for (int i = 0; i < A::kRows; ++i) {
    const int m = m0 + A::row(i);
    const Pixel at = m < pixels ? pixel_of(m, f.rows, f.columns) : Pixel{0, 0, 0};
    patch[i] = {da + int64_t{at.n} * d.p * d.q * d.k, m < pixels ? f.origin_y + at.y : kFarAway,
                f.origin_x + at.x};
  }
  Tap tap = tap_of(A::column() * 8, f.taps_s, d.k);
  Tap tap_b[B::kRows];
#pragma unroll
  for (int i = 0; i < B::kRows; ++i) tap_b[i] = tap_of(B::row(i), f.taps_s, d.k);
  typename Gemm::Acc acc;
  Gemm::run(
      shared, (depth + Gemm::BK - 1) / Gemm::BK,
      [&](typename Gemm::Stage& stage, int) {
#pragma unroll
        for (int i = 0; i < A::kRows; ++i) {
          Tap at = tap;
          if (A::has(i))
            fill_chunk<Any>(stage.a.chunk(A::row(i), A::column()), width_k, da,
                            [&](int j) -> const simt::bf16* {
                              if (Any && j) at.advance(width_k, f.taps_s, d.k);
                              const int p = patch[i].y - at.r, q = patch[i].x - at.s;
                              if (at.r >= f.taps_r || !inside(p, q, d.p, d.q)) return nullptr;
                              return patch[i].image + (p * d.q + q) * d.k + at.channel;
                            });
        }
        tap.advance(Gemm::BK, f.taps_s, d.k);
#pragma unroll
        for (int i = 0; i < B::kRows; ++i) {
          const Tap& at = tap_b[i];
          const int c = n0 + B::column() * 8;
          const int row = (at.channel * d.r + f.a + d.stride * at.r) * d.s + f.b + d.stride * at.s;
          if (B::has(i))
            fill_chunk<Any>(stage.b.chunk(B::row(i), B::column()), width_c, w,
                            [&](int j) -> const simt::bf16* {
                              if (at.r >= f.taps_r || c + j >= d.c) return nullptr;
                              return w + row * d.c + c + j;
                            });
          tap_b[i].advance(Gemm::BK, f.taps_s, d.k);
        }
      },
      acc);
  Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
    if (m0 + row < pixels)
      put_run(store, d, phase_pixel(d, f, pixel_of(m0 + row, f.rows, f.columns)), n0 + column, run);
  });
}

// gemm_m = k  gemm_n = r,s,c  gemm_k = n,p,q from split blockIdx.z. Both operands lie the wrong way
// round: neighbours in memory are neighbours in k and in c, not in gemm_k, so ldmatrix.trans turns
// both. A thread's chunk of B is one tap and 8 channels for good; only its pixels move.
template <class Shape, bool Any>
__global__ void __launch_bounds__(Shape::kThreads, 512 / Shape::kThreads)
    conv2d_backward_weight_mma_kernel(ConvDims d,
                                      const simt::bf16* __restrict__ x,
                                      const simt::bf16* __restrict__ da,
                                      float* __restrict__ to,
                                      BiasTurn bias,
                                      int width_k,
                                      int width_c,
                                      int width_to,
                                      int steps_each,
                                      bool accumulate) {
  using Gemm = MmaGemm<Shape, Major::kRows, Major::kRows>;
  using A = typename Gemm::FillA;
  using B = typename Gemm::FillB;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const int m0 = static_cast<int>(blockIdx.x) * Gemm::BM;
  const int n0 = static_cast<int>(blockIdx.y) * Gemm::BN, depth = d.depth();
  const int split = static_cast<int>(blockIdx.z), first = split * steps_each * Gemm::BK;
  const int end = min(first + steps_each * Gemm::BK, d.pixels());
  const int k = m0 + A::column() * 8, column = n0 + B::column() * 8;
  const Tap tap = tap_of(column, d.s, d.c);
  Pixel pixel[B::kRows];
#pragma unroll
  for (int i = 0; i < B::kRows; ++i) pixel[i] = pixel_of(first + B::row(i), d.p, d.q);
  typename Gemm::Acc acc;
  typename Gemm::RowSums sums;
  Gemm::run(
      shared, (end - first + Gemm::BK - 1) / Gemm::BK,
      [&](typename Gemm::Stage& stage, int step) {
#pragma unroll
        for (int i = 0; i < A::kRows; ++i) {
          const int m = first + step * Gemm::BK + A::row(i);
          if (A::has(i))
            fill_chunk<Any>(stage.a.chunk(A::row(i), A::column()), width_k, da,
                            [&](int j) -> const simt::bf16* {
                              return m < end && k + j < d.k ? da + int64_t{m} * d.k + k + j
                                                            : nullptr;
                            });
        }
#pragma unroll
        for (int i = 0; i < B::kRows; ++i) {
          const int m = first + step * Gemm::BK + B::row(i);
          const int top = pixel[i].y * d.stride - d.pad_top;
          const int left = pixel[i].x * d.stride - d.pad_left;
          const simt::bf16* const image = x + int64_t{pixel[i].n} * d.h * d.w * d.c;
          Tap at = tap;
          if (B::has(i))
            fill_chunk<Any>(
                stage.b.chunk(B::row(i), B::column()), width_c, x, [&](int j) -> const simt::bf16* {
                  if (Any && j) at.advance(width_c, d.s, d.c);
                  const bool in =
                      m < end && at.r < d.r && inside(top + at.r, left + at.s, d.h, d.w);
                  if (!in) return nullptr;
                  return image + ((top + at.r) * d.w + left + at.s) * d.c + at.channel;
                });
          pixel[i].advance(Gemm::BK, d.p, d.q);
        }
      },
      acc,
      [&](int step, const auto& a) {
        if (bias.at(step)) sums.add(a);
      });
  if (bias.partials)
    sums.for_each(shared, [&](int row, float sum) {
      if (m0 + row < d.k) bias.row(d)[m0 + row] = sum;
    });
  to += int64_t{split} * d.k * depth;
  Gemm::for_each_run(shared, acc, [&](int row, int at, float(&run)[8]) {
    if (m0 + row < d.k) add_run(to + (m0 + row) * depth, n0 + at, depth, width_to, accumulate, run);
  });
}

}  // namespace diptych
