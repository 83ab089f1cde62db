// The checker's count of bank conflicts and sectors, against counts made by hand.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/simt/access_report.h"
#include "kernels/common/simt/simt.h"
#include "tests/sim/device_array.h"

namespace diptych {
namespace {

template <int Pitch>
__global__ void transpose_kernel(float* y) {
  struct Tile {
    float t[32][Pitch];
  };

  auto& s = simt::shared<Tile>();
  const int l = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 32; ++i) s.t[i][l] = static_cast<float>(i);  // a row: all banks
  __syncwarp();
  float sum = 0;
  for (int i = 0; i < 32; ++i) sum += s.t[l][i];  // a column: by the pitch
  __stcs(y + l, sum);
}

#ifdef DIPTYCH_SIMT_CHECK
constexpr bool kChecks = true;
#else
constexpr bool kChecks = false;
#endif

// Cost over ideal of the worst line of one kind.
double worst(bool is_shared) {
  double ratio = 0;
  for (const simt::AccessLine& line : simt::take_access_report())
    if (line.is_shared == is_shared)
      ratio = std::max(ratio, static_cast<double>(line.cost) / static_cast<double>(line.ideal));
  return ratio;
}

TEST(AccessReport, AColumnOfAnUnpaddedTileHits1Bank32Times) {
  if (!kChecks) GTEST_SKIP() << "counted by the checker";
  DeviceArray<float> y(32);
  simt::take_access_report();
  simt::launch(transpose_kernel<32>, {.block = 32, .smem = sizeof(float) * 32 * 32}, y.get());
  EXPECT_EQ(worst(true), 32);
}

TEST(AccessReport, OneColumnOfPaddingEndsTheConflict) {
  if (!kChecks) GTEST_SKIP() << "counted by the checker";
  DeviceArray<float> y(32);
  simt::take_access_report();
  simt::launch(transpose_kernel<33>, {.block = 32, .smem = sizeof(float) * 32 * 33}, y.get());
  EXPECT_EQ(worst(true), 1);
}

template <int Stride>
__global__ void strided_load_kernel(const float* x, float* y) {
  const float value = __ldg(x + threadIdx.x * Stride);
  __stcs(y + threadIdx.x, value);
}

TEST(AccessReport, SectorsOfStridedLoads) {
  if (!kChecks) GTEST_SKIP() << "counted by the checker";
  DeviceArray<float> x(32 * 8, 1.0f), y(32);
  simt::take_access_report();
  simt::launch(strided_load_kernel<1>, {.block = 32}, x.get(), y.get());
  EXPECT_EQ(worst(false), 1);
  simt::launch(strided_load_kernel<2>, {.block = 32}, x.get(), y.get());
  EXPECT_EQ(worst(false), 2);
  simt::launch(strided_load_kernel<8>, {.block = 32}, x.get(), y.get());
  EXPECT_EQ(worst(false), 8);
}

TEST(AccessReport, LinesNameTheSource) {
  if (!kChecks) GTEST_SKIP() << "counted by the checker";
  DeviceArray<float> x(32 * 8, 1.0f), y(32);
  simt::take_access_report();
  simt::launch(strided_load_kernel<1>, {.block = 32}, x.get(), y.get());
  const auto lines = simt::take_access_report();
  ASSERT_EQ(lines.size(), 2u);  // the load and the store
  EXPECT_NE(lines[0].place.find("access_report_test.cu:"), std::string::npos) << lines[0].place;
  EXPECT_EQ(lines[0].requests, 1u);
}

}  // namespace
}  // namespace diptych
