// The three passes of conv2d on Hopper: which boxes each asks for. In every one a tap is nothing
// but an offset of the box's coordinates, and what hangs over an edge arrives as zeros: padding
// costs no instruction.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d_wgmma.cuh"

namespace diptych {

// gemm_m = a box of n,p,q  gemm_n = k  gemm_k = r,s,c by 64 channels. x: (C, W, H, N) with the
// conv's stride as traversal step; w: (C, S, R, K).
template <int BN>
__global__ void __launch_bounds__(384, 1)
    conv2d_forward_wgmma_kernel(ConvDims d,
                                PixelTiles tiles,
                                const __grid_constant__ simt::TensorMap x,
                                const __grid_constant__ simt::TensorMap w,
                                ForwardStore<simt::bf16> store) {
#if DIPTYCH_SM90A
  using Gemm = WgmmaGemm<BN, Major::kDepth, Major::kDepth>;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const Pixel origin = tiles.origin(static_cast<int>(blockIdx.x));
  const int n0 = static_cast<int>(blockIdx.y) * BN, chunks = (d.c + 63) / 64;
  const int steps = d.r * d.s * chunks;
  Gemm::init(shared);
  if (!Gemm::consumes()) {
    Gemm::produce(shared, steps, [&](simt::bf16* a, simt::bf16* b, simt::Mbarrier& full, int step) {
      const int c = step % chunks * 64, tap = step / chunks;
      const int r = tap / d.s, s = tap % d.s;
      simt::tma_load_4d(a, x, full, c, origin.x * d.stride + s - d.pad_left,
                        origin.y * d.stride + r - d.pad_top, origin.n);
      simt::tma_load_4d(b, w, full, c, s, r, n0);
    });
    return;
  }
  typename Gemm::Acc acc;
  Gemm::consume(shared, steps, acc);
  Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
    const Pixel at = tiles.at(origin, row);
    if (at.n < d.n && inside(at.y, at.x, d.p, d.q))
      put_run(store, d, (at.n * d.p + at.y) * d.q + at.x, n0 + column, run);
  });
#endif
}

// gemm_m = a box of n,i,j of phase blockIdx.z  gemm_n = c  gemm_k = r',s',k by 64. da: (K, Q, P,
// N), always step 1; w: (C, S, R, K), boxes of 64 c by 64 k: c contiguous, so B is N-major.
template <int BN>
__global__ void __launch_bounds__(384, 1)
    conv2d_backward_data_wgmma_kernel(ConvDims d,
                                      PixelTiles tiles,
                                      const __grid_constant__ simt::TensorMap da,
                                      const __grid_constant__ simt::TensorMap w,
                                      DataStore<simt::bf16> store) {
#if DIPTYCH_SM90A
  using Gemm = WgmmaGemm<BN, Major::kDepth, Major::kRows>;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const Phase f = phase_of(d, static_cast<int>(blockIdx.z));
  const Pixel origin = tiles.origin(static_cast<int>(blockIdx.x));
  if (origin.y >= f.rows || origin.x >= f.columns) return;  // the largest phase has this tile
  const int n0 = static_cast<int>(blockIdx.y) * BN, chunks = (d.k + 63) / 64;
  const int steps = f.taps_r * f.taps_s * chunks;
  Gemm::init(shared);
  if (!Gemm::consumes()) {
    Gemm::produce(shared, steps, [&](simt::bf16* a, simt::bf16* b, simt::Mbarrier& full, int step) {
      const int k = step % chunks * 64, tap = step / chunks;
      const int r = tap / f.taps_s, s = tap % f.taps_s;
      simt::tma_load_4d(a, da, full, k, f.origin_x + origin.x - s, f.origin_y + origin.y - r,
                        origin.n);
      for (int i = 0; i < BN / 64; ++i)
        simt::tma_load_4d(b + i * Gemm::kBox, w, full, n0 + i * 64, f.b + d.stride * s,
                          f.a + d.stride * r, k);
    });
    return;
  }
  typename Gemm::Acc acc;
  Gemm::consume(shared, steps, acc);
  Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
    const Pixel at = tiles.at(origin, row);
    if (at.n < d.n && inside(at.y, at.x, f.rows, f.columns))
      put_run(store, d, phase_pixel(d, f, at), n0 + column, run);
  });
#endif
}

// gemm_m = k  gemm_n = c of tap r,s (blockIdx.y = tap, then tile of c)  gemm_k = boxes of 64
// pixels, those of split blockIdx.z. da: (K, Q, P, N), M-major A; x: (C, W, H, N) with the conv's
// stride, N-major B. Pixels of a box beyond the image are zeros in da, so whatever x has there is
// harmless as long as it is finite.
template <int BN>
__global__ void __launch_bounds__(384, 1)
    conv2d_backward_weight_wgmma_kernel(ConvDims d,
                                        PixelTiles tiles,
                                        const __grid_constant__ simt::TensorMap x,
                                        const __grid_constant__ simt::TensorMap da,
                                        float* to,
                                        BiasTurn bias,
                                        int width,
                                        int steps_all,
                                        int steps_each,
                                        bool accumulate) {
#if DIPTYCH_SM90A
  using Gemm = WgmmaGemm<BN, Major::kRows, Major::kRows>;
  auto& shared = simt::shared<typename Gemm::Shared>();
  const int across = (d.c + BN - 1) / BN, tap = static_cast<int>(blockIdx.y) / across;
  const int m0 = static_cast<int>(blockIdx.x) * Gemm::BM;
  const int n0 = static_cast<int>(blockIdx.y) % across * BN;
  const int split = static_cast<int>(blockIdx.z), first = split * steps_each;
  const int steps = min(steps_each, steps_all - first);
  Gemm::init(shared);
  if (!Gemm::consumes()) {
    Gemm::produce(shared, steps, [&](simt::bf16* a, simt::bf16* b, simt::Mbarrier& full, int step) {
      const Pixel at = tiles.origin(first + step);
      for (int i = 0; i < Gemm::BM / 64; ++i)
        simt::tma_load_4d(a + i * Gemm::kBox, da, full, m0 + i * 64, at.x, at.y, at.n);
      for (int i = 0; i < BN / 64; ++i)
        simt::tma_load_4d(b + i * Gemm::kBox, x, full, n0 + i * 64,
                          at.x * d.stride + tap % d.s - d.pad_left,
                          at.y * d.stride + tap / d.s - d.pad_top, at.n);
    });
    return;
  }
  typename Gemm::Acc acc;
  typename Gemm::RowSums sums;
  Gemm::consume(shared, steps, acc, 0, [&](int step, const simt::bf16* a) {
    if (bias.at(step)) sums.add(a);
  });
  if (bias.partials)
    sums.for_each(shared, [&](int row, float sum) {
      if (m0 + row < d.k) bias.row(d)[m0 + row] = sum;
    });
  to += int64_t{split} * d.k * d.depth() + tap * d.c;
  Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
    if (m0 + row < d.k)
      add_run(to + (m0 + row) * d.depth(), n0 + column, d.c, width, accumulate, run);
  });
#endif
}

}  // namespace diptych
