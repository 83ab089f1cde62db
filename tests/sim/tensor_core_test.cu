// Tensor-core instructions of the emulator against their definitions in the PTX ISA.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/common/cuda/mma.cuh"
#include "kernels/common/cuda/tma.cuh"
#include "kernels/common/cuda/wgmma.cuh"
#include "tests/sim/device_array.h"

namespace diptych {
namespace {

using simt::Swizzle;

// Small integers: sums are exact in any order, so results are equal bit for bit.
std::vector<simt::bf16> small_integers(size_t count, uint64_t seed) {
  Rng rng(seed, 0, 0);
  std::vector<simt::bf16> values(count);
  for (auto& v : values) v = static_cast<float>(rng.below(17)) - 8.0f;
  return values;
}

// out = in^T in, in 16x16: A is read transposed, B as column major.
__global__ void transposing_kernel(const simt::bf16* in, float* out) {
  __shared__ __align__(16) simt::bf16 t[16][16];
  const int l = static_cast<int>(threadIdx.x);
  for (int i = l; i < 256; i += 32) t[i / 16][i % 16] = in[i];
  __syncwarp();
  unsigned a[4], b[4];
  simt::ldmatrix_x4<true>(a, &t[l % 8 + l / 16 * 8][l / 8 % 2 * 8]);
  simt::ldmatrix_x4<true>(b, &t[l % 16][l / 16 * 8]);
  for (int h = 0; h < 2; ++h) {
    float d[4] = {};
    const unsigned half[2] = {b[h * 2], b[h * 2 + 1]};
    simt::mma_16816(d, a, half);
    for (int i = 0; i < 4; ++i) out[(l / 4 + i / 2 * 8) * 16 + h * 8 + l % 4 * 2 + i % 2] = d[i];
  }
}

TEST(TensorCore, TransposedLdmatrixFeedsMma) {
  const auto v = small_integers(256, 9);
  DeviceArray<simt::bf16> in(v);
  DeviceArray<float> device(256);
  simt::launch(transposing_kernel, {.block = 32}, in.get(), device.get());
  const auto out = device.values();
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 16; ++j) {
      float want = 0;
      for (size_t k = 0; k < 16; ++k)
        want += static_cast<float>(v[k * 16 + i]) * static_cast<float>(v[k * 16 + j]);
      EXPECT_EQ(out[i * 16 + j], want) << i << "," << j;
    }
}

template <bool Trans>
__global__ void stmatrix_kernel(const simt::bf16* in, simt::bf16* out) {
#if DIPTYCH_SM90A
  __shared__ __align__(16) simt::bf16 from[32][8], to[32][8];
  const int l = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) from[l][i] = in[l * 8 + i];
  __syncwarp();
  unsigned r[4];
  simt::ldmatrix_x4(r, from[l]);
  simt::stmatrix_x4<Trans>(to[l], r);
  __syncwarp();
  for (int i = 0; i < 8; ++i) out[l * 8 + i] = to[l][i];
#endif
}

TEST(TensorCore, StmatrixPutsBackWhatLdmatrixTook) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  const auto v = small_integers(256, 4);
  DeviceArray<simt::bf16> in(v), device(256);
  simt::launch(stmatrix_kernel<false>, {.block = 32}, in.get(), device.get());
  const auto out = device.values();
  for (size_t i = 0; i < 256; ++i)
    EXPECT_EQ(static_cast<float>(out[i]), static_cast<float>(v[i])) << i;
}

TEST(TensorCore, TransposingStmatrixTransposesEachMatrix) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  const auto v = small_integers(256, 5);
  DeviceArray<simt::bf16> in(v), device(256);
  simt::launch(stmatrix_kernel<true>, {.block = 32}, in.get(), device.get());
  const auto out = device.values();
  for (size_t m = 0; m < 4; ++m)
    for (size_t i = 0; i < 8; ++i)
      for (size_t j = 0; j < 8; ++j)
        EXPECT_EQ(static_cast<float>(out[m * 64 + i * 8 + j]),
                  static_cast<float>(v[m * 64 + j * 8 + i]));
}

// wgmma from MN-major tiles, what a weight gradient needs: A is [k][m], B is [k][n], of which 64
// columns and then the next ones lie together.
template <int N>
__global__ void mn_major_kernel(const __grid_constant__ simt::TensorMap a,
                                const __grid_constant__ simt::TensorMap b,
                                float* y) {
#if DIPTYCH_SM90A
  struct Tiles {
    alignas(1024) simt::bf16 a[64][64], b[N / 64][64][64];
    simt::Mbarrier full;
  };

  auto& s = simt::shared<Tiles>();
  if (threadIdx.x == 0) s.full.init(1);
  __syncthreads();
  if (threadIdx.x == 0) {
    s.full.arrive_expect(sizeof s.a + sizeof s.b);
    simt::tma_load_2d(s.a, a, s.full, 0, 0);
    for (int i = 0; i < N / 64; ++i) simt::tma_load_2d(s.b[i], b, s.full, i * 64, 0);
  }
  s.full.wait(0);
  float acc[N / 2];
  simt::wgmma_fence(acc);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    simt::wgmma_m64k16<N, true, true>(
        acc, simt::smem_descriptor(&s.a[kk * 16][0], sizeof s.a, 1024, Swizzle::k128),
        simt::smem_descriptor(&s.b[0][kk * 16][0], sizeof s.b[0], 1024, Swizzle::k128), kk > 0);
  simt::wgmma_commit();
  simt::wgmma_wait<0>(acc);
  const int t = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < N / 2; ++i)
    y[(t / 32 * 16 + t % 32 / 4 + i % 4 / 2 * 8) * N + i / 4 * 8 + t % 4 * 2 + i % 2] = acc[i];
#endif
}

template <int N>
void expect_mn_major() {
  const auto a = small_integers(64 * 64, 10), b = small_integers(64 * N, 11);
  DeviceArray<simt::bf16> da(a), db(b);
  DeviceArray<float> y(64 * N);
  const auto boxes = [](const simt::bf16* base, uint64_t columns) {
    return simt::tensor_map(base, simt::TensorBox{.rank = 2,
                                                  .size = {columns, 64, 1, 1, 1},
                                                  .stride = {columns * 2},
                                                  .box = {64, 64, 1, 1, 1},
                                                  .swizzle = Swizzle::k128});
  };
  simt::launch(mn_major_kernel<N>, {.block = 128, .smem = 9 * 1024 + N * 128}, boxes(da.get(), 64),
               boxes(db.get(), N), y.get());
  const auto out = y.values();
  for (size_t i = 0; i < 64; ++i)
    for (size_t j = 0; j < N; ++j) {
      float want = 0;
      for (size_t k = 0; k < 64; ++k)
        want += static_cast<float>(a[k * 64 + i]) * static_cast<float>(b[k * N + j]);
      ASSERT_EQ(out[i * N + j], want) << i << "," << j;
    }
}

TEST(TensorCore, WgmmaFromMnMajorTiles) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  expect_mn_major<64>();
}

TEST(TensorCore, WgmmaFromTwoGroupsOfColumns) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  expect_mn_major<128>();
}

// The widest: one warp group, 256 columns, K-major; registers change hands around it. 384 threads
// begin with 168 each: 240 for one group leave enough when two others go down to 40.
__global__ void __launch_bounds__(384, 1) wide_kernel(const __grid_constant__ simt::TensorMap a,
                                                      const __grid_constant__ simt::TensorMap b,
                                                      float* y) {
#if DIPTYCH_SM90A
  struct Tiles {
    alignas(1024) simt::bf16 a[64][64], b[256][64];
    simt::Mbarrier full;
  };

  auto& s = simt::shared<Tiles>();
  if (threadIdx.x == 0) s.full.init(1);
  __syncthreads();
  if (threadIdx.x >= 128) {
    simt::give_registers<40>();
    if (threadIdx.x == 128) {
      s.full.arrive_expect(sizeof s.a + sizeof s.b);
      simt::tma_load_2d(s.a, a, s.full, 0, 0);
      simt::tma_load_2d(s.b, b, s.full, 0, 0);
    }
    return;
  }
  simt::take_registers<240>();
  s.full.wait(0);
  float acc[128];
  simt::wgmma_fence(acc);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    simt::wgmma_m64k16<256>(acc, simt::smem_descriptor(&s.a[0][kk * 16], 16, 1024, Swizzle::k128),
                            simt::smem_descriptor(&s.b[0][kk * 16], 16, 1024, Swizzle::k128),
                            kk > 0);
  simt::wgmma_commit();
  simt::wgmma_wait<0>(acc);
  const int t = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < 128; ++i)
    y[(t / 32 * 16 + t % 32 / 4 + i % 4 / 2 * 8) * 256 + i / 4 * 8 + t % 4 * 2 + i % 2] = acc[i];
#endif
}

TEST(TensorCore, WidestWgmma) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  const auto a = small_integers(64 * 64, 12), b = small_integers(256 * 64, 13);
  DeviceArray<simt::bf16> da(a), db(b);
  DeviceArray<float> y(64 * 256);
  simt::TensorBox box{.rank = 2,
                      .size = {64, 64, 1, 1, 1},
                      .stride = {128},
                      .box = {64, 64, 1, 1, 1},
                      .swizzle = Swizzle::k128};
  const auto map_a = simt::tensor_map(da.get(), box);
  box.size[1] = box.box[1] = 256;
  simt::launch(wide_kernel, {.block = 384, .smem = 42 * 1024}, map_a,
               simt::tensor_map(db.get(), box), y.get());
  const auto out = y.values();
  for (size_t i = 0; i < 64; ++i)
    for (size_t j = 0; j < 256; ++j) {
      float want = 0;
      for (size_t k = 0; k < 64; ++k)
        want += static_cast<float>(a[i * 64 + k]) * static_cast<float>(b[j * 64 + k]);
      ASSERT_EQ(out[i * 256 + j], want) << i << "," << j;
    }
}

}  // namespace
}  // namespace diptych
