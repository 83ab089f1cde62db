// Operations, bytes and floors of small problems counted by hand.
// SPDX-License-Identifier: MIT
#include "bench/layers/work.h"

#include <gtest/gtest.h>

#include "tests/support/cases.h"

namespace diptych {
namespace {

// x 2*4*4*8 = 256, w 16*3*3*8 = 1152, a 2*4*4*16 = 512 elements.
const Conv2dProblem kConv = square_conv(2, 4, 8, 16, 3, 1);
constexpr double kFlops = 2.0 * 512 * 72;

TEST(LayerWork, CountsForward) {
  const Conv2dEpilogue epilogue = {.bias = true, .residual = true, .leaky_slope = 0.2f};
  const Work work = work_of(LayerPass::kForward, kConv, epilogue, DType::kBF16, DType::kBF16);
  EXPECT_EQ(work.flops, kFlops);
  EXPECT_EQ(work.bytes, 2 * (256 + 1152 + 512 + 512) + 4 * 16);
}

TEST(LayerWork, CountsAnF32Head) {
  const Work work = work_of(LayerPass::kForward, kConv, {}, DType::kBF16, DType::kF32);
  EXPECT_EQ(work.bytes, 2 * (256 + 1152) + 4 * 512);
}

TEST(LayerWork, CountsTheGradients) {
  const auto bytes = [](LayerPass pass, const Conv2dEpilogue& epilogue) {
    return work_of(pass, kConv, epilogue, DType::kBF16, DType::kBF16).bytes;
  };
  EXPECT_EQ(bytes(LayerPass::kBackwardData, {}), 2 * (512 + 1152 + 256));
  EXPECT_EQ(bytes(LayerPass::kBackwardDataBelow, {}), 2 * (512 + 1152 + 2 * 256));
  EXPECT_EQ(bytes(LayerPass::kBackwardWeight, {}), 2 * (256 + 512) + 4 * (1152 + 16));
  EXPECT_EQ(bytes(LayerPass::kBackwardEpilogue, {}), 2 * (512 + 512) + 4 * 16);
  EXPECT_EQ(bytes(LayerPass::kBackwardEpilogue, {.leaky_slope = 0.1f}), 2 * 3 * 512 + 4 * 16);
}

TEST(LayerWork, CountsDenseLayers) {
  const DenseProblem dense = {.m = 4, .in = 8, .out = 16};
  EXPECT_EQ(work_of(LayerPass::kForward, dense, DType::kF32).flops, 2.0 * 4 * 8 * 16);
  EXPECT_EQ(work_of(LayerPass::kForward, dense, DType::kF32).bytes, 4 * (32 + 128 + 64 + 16));
  EXPECT_EQ(work_of(LayerPass::kBackwardWeight, dense, DType::kBF16).bytes,
            2 * (32 + 64) + 4 * 128);
  EXPECT_EQ(work_of(LayerPass::kBackwardBias, dense, DType::kBF16).bytes, 2 * 64 + 4 * 16);
}

TEST(LayerWork, TakesTheLongerOfArithmeticAndMemoryAsFloor) {
  const Peaks peaks = {.flops_per_s = 1e12, .bytes_per_s = 1e11};
  const Floor arithmetic = floor_of({.flops = 4e9, .bytes = 1e8}, peaks);
  EXPECT_DOUBLE_EQ(arithmetic.ms, 4.0);
  EXPECT_FALSE(arithmetic.memory_bound);
  const Floor memory = floor_of({.flops = 1e9, .bytes = 1e9}, peaks);
  EXPECT_DOUBLE_EQ(memory.ms, 10.0);
  EXPECT_TRUE(memory.memory_bound);
}

}  // namespace
}  // namespace diptych
