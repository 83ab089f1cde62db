// Starting the Hopper kernels of conv2d: boxes, tensor maps, and what conv2d_4_wgmma.cu and
// conv2d_5_stream_k.cu share.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "kernels/conv2d/conv2d_mma_launch.cuh"
#include "kernels/conv2d/conv2d_wgmma_kernels.cuh"

namespace diptych {

constexpr int kMostBox = 256, kMostStep = 8;  // of a bulk tensor copy

inline bool hopper_accepts(const Conv2dProblem& t, DType dtype, int chip) {
  return chip / 10 == 9 && dtype == DType::kBF16 && fits_int(t) && t.stride <= kMostStep;
}

// Work on padded channels must not outweigh the real work.
inline bool deep_enough(int channels) {
  return channels >= 32;
}

// The box of 2^log_pixels pixels that covers (n, rows, columns) with the fewest tiles; of equal
// ones the widest. A box of a strided copy spans stride times its pixels.
inline PixelTiles pixel_tiles(int n, int rows, int columns, int log_pixels, int stride) {
  PixelTiles best{};
  int64_t fewest = -1;
  for (int log_q = log_pixels; log_q >= 0; --log_q)
    for (int log_p = log_pixels - log_q; log_p >= 0; --log_p) {
      if (stride << std::max(log_q, log_p) > kMostBox) continue;
      const int log_n = log_pixels - log_q - log_p;
      const PixelTiles t = {log_q,
                            log_p,
                            log_n,
                            static_cast<int>(blocks_for(columns, 1 << log_q)),
                            static_cast<int>(blocks_for(rows, 1 << log_p)),
                            static_cast<int>(blocks_for(n, 1 << log_n))};
      const int64_t count = int64_t{t.along_q} * t.along_p * t.along_n;
      if (fewest >= 0 && count >= fewest) continue;
      fewest = count;
      best = t;
    }
  return best;
}

// Activations (n, rows, columns, channels), boxes of 64 channels by a tile of pixels.
inline simt::TensorMap activation_boxes(
    const void* base, int n, int rows, int columns, int channels, const PixelTiles& t, int step) {
  const uint64_t c = static_cast<uint64_t>(channels), w = static_cast<uint64_t>(columns);
  const uint64_t h = static_cast<uint64_t>(rows);
  const auto span = [&](int log) { return static_cast<unsigned>(step) << log; };
  const auto s = static_cast<unsigned>(step);
  return simt::tensor_map(static_cast<const simt::bf16*>(base),
                          {.rank = 4,
                           .size = {c, w, h, static_cast<uint64_t>(n), 1},
                           .stride = {2 * c, 2 * c * w, 2 * c * w * h, 0},
                           .box = {64, span(t.log_q), span(t.log_p), 1u << t.log_n, 1},
                           .step = {1, s, s, 1, 1},
                           .swizzle = simt::Swizzle::k128});
}

// w (K,R,S,C), boxes of 64 channels of one tap by `filters` filters.
inline simt::TensorMap weight_boxes(const void* base, const ConvDims& d, unsigned filters) {
  const uint64_t c = static_cast<uint64_t>(d.c), s = static_cast<uint64_t>(d.s);
  const uint64_t r = static_cast<uint64_t>(d.r);
  return simt::tensor_map(static_cast<const simt::bf16*>(base),
                          {.rank = 4,
                           .size = {c, s, r, static_cast<uint64_t>(d.k), 1},
                           .stride = {2 * c, 2 * c * s, 2 * c * s * r, 0},
                           .box = {64, 1, 1, filters, 1},
                           .step = {1, 1, 1, 1, 1},
                           .swizzle = simt::Swizzle::k128});
}

template <class Gemm>
simt::Config wgmma_config(int x, int y, int z, CudaStream stream) {
  return {
      .grid = dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)),
      .block = Gemm::kThreads,
      .smem = sizeof(typename Gemm::Shared),
      .stream = stream};
}

inline PixelTiles forward_tiles(const Conv2dProblem& t) {
  return pixel_tiles(t.n, t.p(), t.q(), 7, t.stride);
}

inline bool wgmma_accepts_forward(const Conv2dCudaForward& a, int chip) {
  return hopper_accepts(a.problem, a.dtype, chip) && forward_width(a) == 8;
}

inline PixelTiles phase_tiles(const Conv2dProblem& t) {
  return pixel_tiles(t.n, (t.h + t.stride - 1) / t.stride, (t.w + t.stride - 1) / t.stride, 7, 1);
}

inline bool wgmma_accepts_backward_data(const Conv2dCudaBackwardData& a, int chip) {
  return hopper_accepts(a.problem, a.dtype, chip) && k_width(a) == 8 && c_width(a) == 8;
}

}  // namespace diptych
