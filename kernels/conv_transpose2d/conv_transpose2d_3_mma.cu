// conv_transpose2d, rung 3: implicit GEMM on tensor cores, bf16 operands, f32 sums (sm_80 and
// later).
//
// The idea over rung 2: conv2d's tensor-core engine (conv2d_mma.cuh) with this op's own way out:
// bias, leaky ReLU and one rounding on the f32 sums, bf16 or f32, no second pass.
//
//   gemm_m = the outputs (n,p,q) of one phase    gemm_n = k    gemm_k = the phase's taps, then c
//
//   3x3, stride 2:   phase (even, even) 4 taps   (even, odd) 2   (odd, even) 2   (odd, odd) 1
//                    blockIdx.z; within a phase the taps walk x backwards, one input a step
//   A: x under a tap, c contiguous               16 bytes, cp.async
//   B: w[c][r][s][..], k contiguous: rows of gemm_k, turned round by ldmatrix.trans
//
// mma_64x64 takes channels in eights, mma_thin any, piece by piece.
//
// What bounds it: the thinness of these layers. Stride 2 leaves on average R*S/4 taps of C channels
// to sum: few steps to hide the ring's filling behind, and a result to store for every
// 2*R*S*C/4 operations.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/conv2d/conv2d_mma_launch.cuh"
#include "kernels/conv_transpose2d/conv_transpose2d_rungs.cuh"

namespace diptych {

namespace {

using Shape64 = MmaShape<64, 64, 2, 2, 4>;  // 32 KB: as conv2d's mma_64x64
using Gemm = MmaGemm<Shape64, Major::kDepth, Major::kRows>;

// The pixel of y, counted over (n,p,q), at row m of a phase.
__device__ __forceinline__ int pixel_at(const ConvDims& d, const Phase& f, int m) {
  const Pixel at = pixel_of(m, f.rows, f.columns);
  return (at.n * d.h + f.first_h + d.stride * at.y) * d.w + f.first_w + d.stride * at.x;
}

// d: the convolution from y to x, whose image (h,w,c) is y and whose result (p,q,k) is x.
// y_dims: sizes of y as the store wants them, its channels as k.
template <bool Any>
__global__ void __launch_bounds__(Shape64::kThreads, 512 / Shape64::kThreads)
    conv_transpose2d_forward_mma_kernel(ConvDims d,
                                        ConvDims y_dims,
                                        const simt::bf16* __restrict__ x,
                                        const simt::bf16* __restrict__ w,
                                        ForwardStore<simt::bf16> store,
                                        int width_x,
                                        int width_w) {
  using A = Gemm::FillA;
  using B = Gemm::FillB;
  auto& shared = simt::shared<Gemm::Shared>();
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
    patch[i] = {x + int64_t{at.n} * d.p * d.q * d.k, m < pixels ? f.origin_y + at.y : kFarAway,
                f.origin_x + at.x};
  }
  Tap tap_a = tap_of(A::column() * 8, f.taps_s, d.k);
  Tap tap_b[B::kRows];
#pragma unroll
  for (int i = 0; i < B::kRows; ++i) tap_b[i] = tap_of(B::row(i), f.taps_s, d.k);

  const auto fill_a = [&](Gemm::Stage& stage) {
#pragma unroll
    for (int i = 0; i < A::kRows; ++i) {
      Tap at = tap_a;
      if (A::has(i))
        fill_chunk<Any>(stage.a.chunk(A::row(i), A::column()), width_x, x,
                        [&](int j) -> const simt::bf16* {
                          if (Any && j) at.advance(width_x, f.taps_s, d.k);
                          const int h = patch[i].y - at.r, column = patch[i].x - at.s;
                          if (at.r >= f.taps_r || !inside(h, column, d.p, d.q)) return nullptr;
                          return patch[i].image + (h * d.q + column) * d.k + at.channel;
                        });
    }
    tap_a.advance(Gemm::BK, f.taps_s, d.k);
  };
  const auto fill_b = [&](Gemm::Stage& stage) {
#pragma unroll
    for (int i = 0; i < B::kRows; ++i) {
      const Tap& at = tap_b[i];
      const int k = n0 + B::column() * 8;
      const int row = (at.channel * d.r + f.a + d.stride * at.r) * d.s + f.b + d.stride * at.s;
      if (B::has(i))
        fill_chunk<Any>(stage.b.chunk(B::row(i), B::column()), width_w, w,
                        [&](int j) -> const simt::bf16* {
                          return at.r < f.taps_r && k + j < d.c ? w + row * d.c + k + j : nullptr;
                        });
      tap_b[i].advance(Gemm::BK, f.taps_s, d.k);
    }
  };
  Gemm::Acc acc;
  Gemm::run(
      shared, (depth + Gemm::BK - 1) / Gemm::BK,
      [&](Gemm::Stage& stage, int) {
        fill_a(stage);
        fill_b(stage);
      },
      acc);
  Gemm::for_each_run(shared, acc, [&](int row, int column, float(&run)[8]) {
    if (m0 + row < pixels) put_run(store, y_dims, pixel_at(d, f, m0 + row), n0 + column, run);
  });
}

// Hosts.

// Elements that may move at once: of x, of w, of y.
int x_width(const ConvTranspose2dCudaForward& a) {
  return move_width(a.problem.c, a.x, 2);
}

int w_width(const ConvTranspose2dCudaForward& a) {
  return move_width(a.problem.k, a.w, 2);
}

int y_width(const ConvTranspose2dCudaForward& a) {
  return move_width(a.problem.k, a.y, static_cast<int>(size_of(a.y_dtype)));
}

bool accepts(const ConvTranspose2dCudaForward& a, int chip) {
  return chip >= kMmaChip && a.dtype == DType::kBF16 && fits_int(a.problem.conv2d());
}

template <bool Any>
void run(const ConvTranspose2dCudaForward& a, void*, CudaStream stream) {
  const ConvDims d = dims_of(a.problem.conv2d());
  ConvDims y_dims = d;
  y_dims.k = d.c;
  const ForwardStore<simt::bf16> store = {.b = a.epilogue.bias ? a.b : nullptr,
                                          .residual = nullptr,
                                          .y = a.y,
                                          .slope = a.epilogue.leaky_slope,
                                          .depth_to_space = false,
                                          .y_f32 = a.y_dtype == DType::kF32,
                                          .width = y_width(a)};
  simt::launch(
      conv_transpose2d_forward_mma_kernel<Any>,
      mma_config<Gemm>(most_phase_pixels(d), d.c, d.stride * d.stride, Shape64::kThreads, stream),
      d, y_dims, static_cast<const simt::bf16*>(a.x), static_cast<const simt::bf16*>(a.w), store,
      x_width(a), w_width(a));
}

}  // namespace

// Instantiations: channels in eights, any.

const ConvTranspose2dCudaRung kConvTranspose2dCudaMma64x64 = {
    "mma_64x64",
    [](const ConvTranspose2dCudaForward& a, int chip) {
      return accepts(a, chip) && x_width(a) == 8 && w_width(a) == 8;
    },
    always_suits, no_workspace, run<false>};

const ConvTranspose2dCudaRung kConvTranspose2dCudaMmaThin = {"mma_thin", accepts, always_suits,
                                                             no_workspace, run<true>};

}  // namespace diptych
