// Whole kernels, the kinds that training needs, against loops that anyone can read.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <gtest/gtest.h>

#include "tests/sim/conv_kernel.cuh"
#include "tests/sim/device_array.h"
#include "tests/sim/gemm_kernel.cuh"

namespace diptych {
namespace {

// -2..2: sums of up to 2^22 products are exact in f32.
std::vector<simt::bf16> tiny_integers(size_t count, uint64_t seed) {
  Rng rng(seed, 0, 0);
  std::vector<simt::bf16> values(count);
  for (auto& v : values) v = static_cast<float>(rng.below(5)) - 2.0f;
  return values;
}

float conv_value(const std::vector<simt::bf16>& x,
                 const std::vector<simt::bf16>& w,
                 const ConvShape& d,
                 const int (&at)[4]) {
  const auto [n, p, q, k] = at;
  float sum = 0;
  for (int r = 0; r < d.r; ++r)
    for (int s = 0; s < d.s; ++s) {
      const int h = p * d.stride - d.pad + r, v = q * d.stride - d.pad + s;
      if (h < 0 || h >= d.h || v < 0 || v >= d.w) continue;
      for (int c = 0; c < d.c; ++c)
        sum += static_cast<float>(x[static_cast<size_t>(((n * d.h + h) * d.w + v) * d.c + c)]) *
               static_cast<float>(w[static_cast<size_t>(((k * d.r + r) * d.s + s) * d.c + c)]);
    }
  return sum;
}

template <int BM, int BN, int BK, int Stages, int Threads>
void expect_conv(const ConvShape& d) {
  const auto x = tiny_integers(static_cast<size_t>(d.n * d.h * d.w * d.c), 4);
  const auto w = tiny_integers(static_cast<size_t>(d.k * d.r * d.s * d.c), 5);
  std::vector<float> b(static_cast<size_t>(d.k));
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 7) - 3.0f;
  const int gemm_m = d.n * d.p() * d.q();
  DeviceArray<simt::bf16> dx(x), dw(w), dy(static_cast<size_t>(gemm_m * d.k));
  DeviceArray<float> db(b);
  simt::launch(conv_forward_mma_kernel<BM, BN, BK, Stages, Threads>,
               {.grid = dim3(static_cast<unsigned>((gemm_m + BM - 1) / BM),
                             static_cast<unsigned>((d.k + BN - 1) / BN)),
                .block = Threads,
                .smem = sizeof(ConvTiles<BM, BN, BK, Stages>)},
               dx.get(), dw.get(), db.get(), dy.get(), d, 0.125f);
  const auto y = dy.values();
  for (int m = 0; m < gemm_m; ++m)
    for (int k = 0; k < d.k; ++k) {
      float want = b[static_cast<size_t>(k)] +
                   conv_value(x, w, d, {m / (d.p() * d.q()), m / d.q() % d.p(), m % d.q(), k});
      want = want > 0 ? want : 0.125f * want;
      ASSERT_EQ(static_cast<float>(y[static_cast<size_t>(m * d.k + k)]),
                static_cast<float>(simt::bf16(want)))
          << m << "," << k;
    }
}

TEST(Kernels, ConvOfRaggedSizes) {
  expect_conv<64, 64, 32, 3, 128>({1, 9, 10, 24, 40, 3, 3, 1, 1});
}

TEST(Kernels, ConvOfStrideTwo) {
  expect_conv<64, 64, 64, 2, 128>({2, 11, 9, 16, 72, 5, 5, 2, 2});
}

TEST(Kernels, ConvOfLargeTiles) {
  expect_conv<128, 128, 32, 3, 256>({1, 12, 12, 32, 64, 3, 3, 1, 1});
}

template <int BN, int Stages>
void expect_gemm(int m, int n, int k) {
  const auto a = tiny_integers(static_cast<size_t>(m * k), 7);
  const auto b = tiny_integers(static_cast<size_t>(n * k), 8);
  DeviceArray<simt::bf16> da(a), db(b);
  DeviceArray<float> dy(static_cast<size_t>(m * n));
  const auto map = [&](const simt::bf16* base, int rows, unsigned box) {
    return simt::tensor_map(
        base, simt::TensorBox{.rank = 2,
                              .size = {static_cast<uint64_t>(k), static_cast<uint64_t>(rows)},
                              .stride = {static_cast<uint64_t>(k) * 2},
                              .box = {64, box},
                              .swizzle = simt::Swizzle::k128});
  };
  simt::launch(
      gemm_forward_wgmma_kernel<BN, Stages>,
      {.grid = dim3(static_cast<unsigned>((m + 63) / 64), static_cast<unsigned>((n + BN - 1) / BN)),
       .block = 256,
       .smem = sizeof(GemmTiles<BN, Stages>)},
      map(da.get(), m, 64), map(db.get(), n, BN), dy.get(), m, n, k);
  const auto y = dy.values();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float want = 0;
      for (int l = 0; l < k; ++l)
        want += static_cast<float>(a[static_cast<size_t>(i * k + l)]) *
                static_cast<float>(b[static_cast<size_t>(j * k + l)]);
      ASSERT_EQ(y[static_cast<size_t>(i * n + j)], want) << i << "," << j;
    }
}

TEST(Kernels, GemmOfRaggedSizes) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  expect_gemm<128, 4>(100, 200, 512);
}

TEST(Kernels, GemmOfOneTile) {
  if (simt::device_chip() != 90) GTEST_SKIP() << "needs sm_90a";
  expect_gemm<64, 2>(64, 64, 64);
}

}  // namespace
}  // namespace diptych
