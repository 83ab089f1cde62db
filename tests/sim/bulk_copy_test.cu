// Bulk tensor copies of the emulator: boxes over edges, strides, swizzles, five dimensions, stores.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/check.h"
#include "kernels/common/cuda/tma_store.cuh"
#include "tests/sim/device_array.h"

namespace diptych {
namespace {

using simt::Swizzle;
using simt::TensorBox;

std::vector<simt::bf16> numbered(size_t count) {  // exact in bf16: 0..255 again and again
  std::vector<simt::bf16> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i * 37 % 256);
  return values;
}

// A convolution's input tile of stride 2, halo and all: 4x4 pixels of 64 channels.
__global__ void strided_kernel(const __grid_constant__ simt::TensorMap x,
                               int h0,
                               int w0,
                               simt::bf16* out) {
#if DIPTYCH_SM90A
  struct Tile {
    alignas(1024) simt::bf16 pixels[16][64];
    simt::Mbarrier full;
  };

  auto& s = simt::shared<Tile>();
  if (threadIdx.x == 0) {
    s.full.init(1);
    s.full.arrive_expect(sizeof s.pixels);
    simt::tma_load_4d(s.pixels, x, s.full, 0, w0, h0, 1);
  }
  __syncthreads();
  s.full.wait(0);
  for (int i = static_cast<int>(threadIdx.x); i < 1024; i += 32) {
    const int c = i % 64, pixel = i / 64;
    out[i] = s.pixels[pixel][((c / 8) ^ (pixel & 7)) * 8 + c % 8];  // undoes the 128-byte swizzle
  }
#endif
}

TEST(BulkCopy, BoxOfStrideTwoOverTheEdges) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  constexpr int kH = 6, kW = 7, kC = 64;
  const auto v = numbered(2 * kH * kW * kC);
  DeviceArray<simt::bf16> x(v), device(1024);
  const auto map =
      simt::tensor_map(x.get(), TensorBox{.rank = 4,
                                          .size = {kC, kW, kH, 2, 1},
                                          .stride = {kC * 2, kW * kC * 2, kH * kW * kC * 2},
                                          .box = {kC, 8, 8, 1, 1},
                                          .step = {1, 2, 2, 1, 1},
                                          .swizzle = Swizzle::k128});
  for (const int shift : {-1, 1, 3, 20}) {
    simt::launch(strided_kernel, {.block = 32, .smem = 3 * 1024}, map, shift, shift - 2,
                 device.get());
    const auto out = device.values();
    for (int p = 0; p < 4; ++p)
      for (int q = 0; q < 4; ++q)
        for (int c = 0; c < kC; ++c) {
          const int h = p * 2 + shift, w = q * 2 + shift - 2;
          const bool in = h >= 0 && h < kH && w >= 0 && w < kW;
          const auto from = static_cast<size_t>(((kH + h) * kW + w) * kC + c);
          ASSERT_EQ(static_cast<float>(out[static_cast<size_t>((p * 4 + q) * 64 + c)]),
                    in ? static_cast<float>(v[from]) : 0.0f)
              << p << "," << q << "," << c << " at " << shift;
        }
  }
}

// Five dimensions without a swizzle, every coordinate before the start: the tile's upper corner.
__global__ void five_kernel(const __grid_constant__ simt::TensorMap x, simt::bf16* out) {
#if DIPTYCH_SM90A
  struct Tile {
    alignas(128) simt::bf16 box[2][3][2][3][8];
    simt::Mbarrier full;
  };

  auto& s = simt::shared<Tile>();
  if (threadIdx.x == 0) {
    s.full.init(1);
    s.full.arrive_expect(sizeof s.box);
    const int at[5] = {-3, -1, -1, -2, -1};
    simt::tma_load_5d(s.box, x, s.full, at);
  }
  __syncthreads();
  s.full.wait(0);
  for (int i = static_cast<int>(threadIdx.x); i < 288; i += 32) out[i] = (&s.box[0][0][0][0][0])[i];
#endif
}

TEST(BulkCopy, FiveDimensionsFromNegativeCoordinates) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  constexpr int kSize[5] = {8, 4, 3, 4, 3};
  const auto v = numbered(8 * 4 * 3 * 4 * 3);
  DeviceArray<simt::bf16> x(v), device(288);
  const auto map = simt::tensor_map(x.get(), TensorBox{.rank = 5,
                                                       .size = {8, 4, 3, 4, 3},
                                                       .stride = {16, 64, 192, 768},
                                                       .box = {8, 3, 2, 3, 2}});
  simt::launch(five_kernel, {.block = 32, .smem = 1024}, map, device.get());
  const auto out = device.values();
  constexpr int kBox[5] = {8, 3, 2, 3, 2}, kAt[5] = {-3, -1, -1, -2, -1};
  for (int i = 0; i < 288; ++i) {
    int rest = i, offset = 0, pitch = 1;
    bool in = true;
    for (int d = 0; d < 5; ++d) {
      const int p = kAt[d] + rest % kBox[d];
      rest /= kBox[d];
      in &= p >= 0 && p < kSize[d];
      offset += p * pitch;
      pitch *= kSize[d];
    }
    EXPECT_EQ(static_cast<float>(out[static_cast<size_t>(i)]),
              in ? static_cast<float>(v[static_cast<size_t>(offset)]) : 0.0f)
        << i;
  }
}

// Each tile element doubled on its way through shared memory, edges cut off on both ways.
__global__ void double_kernel(const __grid_constant__ simt::TensorMap x,
                              const __grid_constant__ simt::TensorMap y) {
#if DIPTYCH_SM90A
  struct Tile {
    alignas(1024) float box[8][32];
    simt::Mbarrier full;
  };

  auto& s = simt::shared<Tile>();
  const int x0 = static_cast<int>(blockIdx.x) * 32 - 8, y0 = static_cast<int>(blockIdx.y) * 8 - 3;
  if (threadIdx.x == 0) {
    s.full.init(1);
    s.full.arrive_expect(sizeof s.box);
    simt::tma_load_2d(s.box, x, s.full, x0, y0);
  }
  __syncthreads();
  s.full.wait(0);
  for (int i = static_cast<int>(threadIdx.x); i < 256; i += 64) s.box[i / 32][i % 32] *= 2.0f;
  simt::fence_proxy_async();
  __syncthreads();
  if (threadIdx.x == 0) {
    simt::tma_store_2d(y, s.box, x0, y0);
    simt::tma_store_commit();
    simt::tma_store_wait_read<0>();
  }
#endif
}

TEST(BulkCopy, StoreWritesTheInsideAndNothingElse) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  constexpr int kW = 36, kH = 11;
  std::vector<float> v(kW * kH);
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i);
  for (const Swizzle swizzle : {Swizzle::kNone, Swizzle::k128}) {
    DeviceArray<float> x(v), y(v.size() + 64, -1.0f);
    const TensorBox box{.rank = 2,
                        .size = {kW, kH, 1, 1, 1},
                        .stride = {kW * 4},
                        .box = {32, 8, 1, 1, 1},
                        .swizzle = swizzle};
    simt::launch(double_kernel, {.grid = dim3(2, 2), .block = 64, .smem = 2048},
                 simt::tensor_map(x.get(), box), simt::tensor_map(y.get(), box));
    const auto out = y.values();
    for (size_t i = 0; i < v.size(); ++i) EXPECT_EQ(out[i], 2 * v[i]) << i;
    for (size_t i = v.size(); i < out.size(); ++i) EXPECT_EQ(out[i], -1.0f) << i;
  }
}

// A ragged 4-D output tile, as a convolution's epilogue stores it.
__global__ void fill_kernel(const __grid_constant__ simt::TensorMap y) {
#if DIPTYCH_SM90A
  struct Tile {
    alignas(128) simt::bf16 pixels[4][4][8];
  };

  auto& s = simt::shared<Tile>();
  const int t = static_cast<int>(threadIdx.x);
  for (int c = 0; c < 8; ++c)
    (&s.pixels[0][0][0])[t * 8 + c] = static_cast<float>(t < 16 ? t * 8 + c : 0);
  simt::fence_proxy_async();
  __syncthreads();
  if (t == 0) {
    simt::tma_store_4d(y, s.pixels, 0, 4, 2, 1);
    simt::tma_store_commit();
    simt::tma_store_wait_read<0>();
  }
#endif
}

TEST(BulkCopy, FourDimensionalStoreIsCutAtTheEdges) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  constexpr int kH = 5, kW = 6, kC = 8;
  DeviceArray<simt::bf16> y(std::vector<simt::bf16>(2 * kH * kW * kC, simt::bf16(-1.0f)));
  const auto map =
      simt::tensor_map(y.get(), TensorBox{.rank = 4,
                                          .size = {kC, kW, kH, 2, 1},
                                          .stride = {kC * 2, kW * kC * 2, kH * kW * kC * 2},
                                          .box = {kC, 4, 4, 1, 1}});
  simt::launch(fill_kernel, {.block = 16, .smem = 256}, map);
  const auto out = y.values();
  for (int n = 0; n < 2; ++n)
    for (int h = 0; h < kH; ++h)
      for (int w = 0; w < kW; ++w)
        for (int c = 0; c < kC; ++c) {
          const bool stored = n == 1 && h >= 2 && w >= 4;
          const auto want = static_cast<float>(((h - 2) * 4 + (w - 4)) * 8 + c);
          EXPECT_EQ(static_cast<float>(out[static_cast<size_t>(((n * kH + h) * kW + w) * kC + c)]),
                    stored ? want : -1.0f);
        }
}

#ifndef __CUDACC__
TEST(TensorMap, RefusesWhatTheDriverRefuses) {
  DeviceArray<simt::bf16> x(4096);
  const TensorBox good{.rank = 2,
                       .size = {64, 64, 1, 1, 1},
                       .stride = {128},
                       .box = {64, 8, 1, 1, 1},
                       .swizzle = Swizzle::k128};
  EXPECT_NO_THROW(simt::tensor_map(x.get(), good));
  const auto refuses = [&](auto&& change) {
    TensorBox box = good;
    change(box);
    EXPECT_THROW(simt::tensor_map(x.get(), box), Error);
  };
  refuses([](TensorBox& b) { b.rank = 6; });
  refuses([](TensorBox& b) { b.stride[0] = 136; });
  refuses([](TensorBox& b) { b.box[1] = 257; });
  refuses([](TensorBox& b) { b.box[0] = 12; });
  refuses([](TensorBox& b) { b.step[1] = 9; });
  refuses([](TensorBox& b) { b.step[0] = 2; });
  refuses([](TensorBox& b) { b.stride[0] = 112; });
  refuses([](TensorBox& b) { b.box[0] = 128; });
  EXPECT_THROW(simt::tensor_map(x.get() + 1, good), Error);
}
#endif

}  // namespace
}  // namespace diptych
