// The emulator against CUDA's definitions: shuffles, votes, atomics, barriers, launches.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/cuda/barrier.cuh"
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/common/dtype.h"
#include "kernels/common/simt/simt.h"
#include "tests/sim/device_array.h"

namespace diptych {
namespace {

constexpr unsigned kAll = ~0u;

__global__ void votes_kernel(int* ballot, int* any_all) {
  const int i = static_cast<int>(threadIdx.x);
  ballot[i] = static_cast<int>(__ballot_sync(kAll, i % 3 == 0));
  any_all[i] = __any_sync(kAll, i == 40) * 2 + __all_sync(kAll, i < 32);
}

TEST(Vocabulary, VotesCountTheWholeWarp) {
  DeviceArray<int> ballot(32), any_all(32);
  simt::launch(votes_kernel, {.block = 32}, ballot.get(), any_all.get());
  EXPECT_EQ(ballot.values(), std::vector<int>(32, 0x49249249));
  EXPECT_EQ(any_all.values(), std::vector<int>(32, 1));
}

__global__ void shuffles_kernel(int* out) {
  const int i = static_cast<int>(threadIdx.x);
  out[i] = __shfl_sync(kAll, i, 5, 8);
  out[32 + i] = __shfl_up_sync(kAll, i, 3);
  out[64 + i] = __shfl_down_sync(kAll, i, 3, 16);
  if (i < 16)  // halves of a warp, each on its own
    out[96 + i] = __shfl_xor_sync(0x0000ffffu, i, 1);
  else
    out[96 + i] = __shfl_xor_sync(0xffff0000u, i, 2) + __popc(__ballot_sync(0xffff0000u, 1));
}

TEST(Vocabulary, ShufflesFollowTheirDefinitions) {
  DeviceArray<int> device(128);
  simt::launch(shuffles_kernel, {.block = 32}, device.get());
  const std::vector<int> out = device.values();
  for (int i = 0; i < 32; ++i) {
    const auto at = static_cast<size_t>(i);
    EXPECT_EQ(out[at], i / 8 * 8 + 5);
    EXPECT_EQ(out[32 + at], i >= 3 ? i - 3 : i);
    EXPECT_EQ(out[64 + at], i % 16 + 3 < 16 ? i + 3 : i);
    EXPECT_EQ(out[96 + at], i < 16 ? i ^ 1 : (i ^ 2) + 16);
  }
}

__global__ void atomics_kernel(int* sum, int* most, float* f, simt::bf16x2* pair) {
  atomicAdd(sum, 1);
  atomicMax(most, static_cast<int>(threadIdx.x));
  atomicAdd(f, 0.5f);
  atomicAdd(pair, __floats2bfloat162_rn(1, 2));
}

TEST(Vocabulary, AtomicsLoseNoUpdate) {
  DeviceArray<int> sum(1, 0), most(1, 0);
  DeviceArray<float> f(1, 0.0f);
  DeviceArray<simt::bf16x2> pair(1, __floats2bfloat162_rn(0, 0));
  simt::launch(atomics_kernel, {.grid = 2, .block = 32}, sum.get(), most.get(), f.get(),
               pair.get());
  EXPECT_EQ(sum.values()[0], 64);
  EXPECT_EQ(most.values()[0], 31);
  EXPECT_EQ(f.values()[0], 32.0f);
  EXPECT_EQ(static_cast<float>(pair.values()[0].x), 64.0f);
  EXPECT_EQ(static_cast<float>(pair.values()[0].y), 128.0f);
}

__global__ void early_return_kernel(int* out) {
  const int i = static_cast<int>(threadIdx.x);
  if (i == 9) return;  // the rest of the warp goes on without this lane
  out[i] = static_cast<int>(__ballot_sync(kAll, 1));
}

TEST(Vocabulary, AWarpGoesOnWithoutALaneThatReturned) {
  DeviceArray<int> device(32, 0);
  simt::launch(early_return_kernel, {.block = 32}, device.get());
  const std::vector<int> out = device.values();
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(out[i], i == 9 ? 0 : ~(1 << 9));
}

__global__ void count_kernel(int* out) {
  out[threadIdx.x] = __syncthreads_count(threadIdx.x < 7);
}

TEST(Vocabulary, SyncthreadsCountsTheBlock) {
  DeviceArray<int> out(96);
  simt::launch(count_kernel, {.block = 96}, out.get());
  EXPECT_EQ(out.values(), std::vector<int>(96, 7));
}

__global__ void named_barrier_kernel(int* out) {  // two warps exchange; the third has left
  __shared__ int s[64];
  const int t = static_cast<int>(threadIdx.x);
  if (t >= 64) return;
  s[t] = t * t;
  simt::bar_sync(1, 64);
  out[t] = s[63 - t];
}

TEST(Vocabulary, NamedBarrierJoinsTwoWarps) {
  DeviceArray<int> device(64);
  simt::launch(named_barrier_kernel, {.block = 96}, device.get());
  const std::vector<int> out = device.values();
  for (int t = 0; t < 64; ++t) EXPECT_EQ(out[static_cast<size_t>(t)], (63 - t) * (63 - t));
}

__global__ void block_sum_kernel(const float* x, float* y) {
  __shared__ float slots[32];
  y[threadIdx.y * blockDim.x + threadIdx.x] =
      simt::block_sum(x[threadIdx.y * blockDim.x + threadIdx.x], slots);
}

TEST(Vocabulary, BlockSumReachesEveryThread) {
  std::vector<float> values(192);
  float sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values[i] = static_cast<float>(i % 17);
  DeviceArray<float> x(values), y(192);
  simt::launch(block_sum_kernel, {.block = dim3(48, 4)}, x.get(), y.get());
  EXPECT_EQ(y.values(), std::vector<float>(192, sum));
}

__global__ void indices_kernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  out[block * threads + thread] = static_cast<int>(block * 1000 + thread);
}

TEST(Vocabulary, EveryThreadOfEveryBlockRunsOnce) {
  DeviceArray<int> device(size_t{2} * 3 * 2 * 5 * 3 * 2);
  simt::launch(indices_kernel, {.grid = dim3(2, 3, 2), .block = dim3(5, 3, 2)}, device.get());
  const std::vector<int> out = device.values();
  for (size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(out[i], static_cast<int>(i / 30 * 1000 + i % 30));
}

__global__ void bf16_kernel(const float* x, simt::bf16* y, float* back) {
  const unsigned i = threadIdx.x;
  y[i] = __float2bfloat16_rn(x[i]);
  back[i] = __bfloat162float(y[i]);
}

TEST(Vocabulary, DeviceBf16HasTheBitsOfTheHostsBf16) {
  std::vector<float> values = normal_values<float>(250, 3);
  for (const float edge : {0.0f, -0.0f, 1e-40f, 3.4e38f, 1.00390625f, 1.01171875f})
    values.push_back(edge);
  DeviceArray<float> x(values), device_back(256);
  DeviceArray<bf16> device_y(256);
  simt::launch(bf16_kernel, {.block = 256}, x.get(), reinterpret_cast<simt::bf16*>(device_y.get()),
               device_back.get());
  const auto y = device_y.values();
  const auto back = device_back.values();
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(y[i].bits, bf16(values[i]).bits) << values[i];
    EXPECT_EQ(back[i], static_cast<float>(bf16(values[i])));
  }
}

__global__ void nothing_kernel() {}

TEST(Launch, RejectsBlocksThatNoDeviceHas) {
  EXPECT_THROW(simt::launch(nothing_kernel, {.block = 1025}), Error);
  EXPECT_THROW(simt::launch(nothing_kernel, {.block = 32, .smem = 228 * 1024}), Error);
  EXPECT_THROW(simt::launch(nothing_kernel, {.grid = dim3(1, 65536), .block = 32}), Error);
  EXPECT_THROW(simt::launch(nothing_kernel, {.grid = 0, .block = 32}), Error);
}

#ifndef __CUDACC__
__global__ void too_much_shared_kernel(float* out) {
  *out = simt::shared<float[65]>()[0];
}

TEST(Launch, ErrorsNameFileBlockAndThread) {
  DeviceArray<float> out(1);
  try {
    simt::launch(too_much_shared_kernel, {.grid = 3, .block = 2, .smem = 256}, out.get());
    FAIL() << "not noticed";
  } catch (const simt::KernelError& e) {
    EXPECT_NE(std::string(e.what()).find("vocabulary_test.cu:"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find(": block (0,0,0) thread ("), std::string::npos)
        << e.what();
    EXPECT_NE(std::string(e.what()).find("shared<T>() needs 260 bytes, the launch gave 256"),
              std::string::npos)
        << e.what();
  }
}

__global__ void order_kernel(int* order, int* next) {
  for (int i = 0; i < 4; ++i) __syncthreads();
  order[atomicAdd(next, 1)] = static_cast<int>(threadIdx.x);
}

TEST(Launch, ASeedFixesTheOrderOfThreads) {
  const unsigned before = simt::options().seed;
  const auto order_of = [](unsigned seed) {
    simt::options().seed = seed;
    DeviceArray<int> order(64), next(1, 0);
    simt::launch(order_kernel, {.block = 64}, order.get(), next.get());
    return order.values();
  };
  EXPECT_EQ(order_of(7), order_of(7));
  EXPECT_NE(order_of(7), order_of(8));
  EXPECT_NE(order_of(7), order_of(0));
  simt::options().seed = before;
}

TEST(Launch, BlocksMayRunOnSeveralThreads) {
  simt::options().threads = 3;
  DeviceArray<int> device(size_t{8} * 64);
  simt::launch(indices_kernel, {.grid = 8, .block = 64}, device.get());
  simt::options().threads = 1;
  const auto out = device.values();
  for (size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(out[i], static_cast<int>(i / 64 * 1000 + i % 64));
}
#endif

}  // namespace
}  // namespace diptych
