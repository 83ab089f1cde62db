// What notices a bug: each seeded bug must show in the builds that its row claims. docs/emulator.md
// shows the same table.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>

#include "tests/sim/async_bug_kernels.cuh"
#include "tests/sim/bug_kernels.cuh"
#include "tests/sim/device_array.h"

namespace diptych {
namespace {

constexpr int kSchedules = 8;

#if defined(DIPTYCH_SIMT_CHECK)
constexpr bool kChecker = true, kSanitizers = false;
#elif defined(DIPTYCH_SIMT_ASAN)
constexpr bool kChecker = false, kSanitizers = true;
#else
constexpr bool kChecker = false, kSanitizers = false;
#endif

struct Buffers {
  DeviceArray<float> out{128}, in{numbers(256)};
  DeviceArray<simt::bf16> ones{std::vector<simt::bf16>(4096, simt::bf16(1.0f))};
  std::vector<float> host = numbers(64);

  static std::vector<float> numbers(size_t count) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
    return values;
  }

  simt::TensorMap ones_map() const {
    return simt::tensor_map(ones.get(), simt::TensorBox{.rank = 2,
                                                        .size = {64, 64},
                                                        .stride = {128},
                                                        .box = {64, 64},
                                                        .swizzle = simt::Swizzle::k128});
  }

  simt::TensorMap out_map() const {
    return simt::tensor_map(
        out.get(), simt::TensorBox{.rank = 2, .size = {64, 2}, .stride = {256}, .box = {64, 1}});
  }
};

struct Bug {
  const char* name;
  std::function<void(const Buffers&)> run;
  bool plain, sanitizers;  // notice it
  const char* checker;     // what the checker says; "" when it only sees wrong numbers
};

// A complaint of the emulator, or "wrong numbers", or "" when all is well.
std::string complaint(const Bug& bug, unsigned seed) {
  const Buffers b;
  simt::options().seed = seed;
  try {
    bug.run(b);
  } catch (const simt::KernelError& e) {
    return e.what();
  }
  const auto out = b.out.values();
  for (size_t i = 0; i < 128; ++i)
    if (out[i] != 63.0f - static_cast<float>(i % 64)) return "wrong numbers";
  return "";
}

bool some_schedule_complains(const Bug& bug) {
  for (unsigned seed = 0; seed < kSchedules; ++seed)
    if (!complaint(bug, seed).empty()) return true;
  return false;
}

void expect_noticed(const Bug& bug) {
  SCOPED_TRACE(bug.name);
  if (kChecker) {
    if (!bug.checker) return;
    const std::string said = complaint(bug, 0);
    EXPECT_NE(said, "");
    EXPECT_NE(said.find(bug.checker), std::string::npos) << said;
    return;
  }
  if (kSanitizers) {
    if (!bug.sanitizers) return;
    // Sanitizers end the process; in-process complaints end it here.
    EXPECT_EXIT(
        std::exit(some_schedule_complains(bug) ? 1 : 0), [](int status) { return status != 0; },
        "");
    return;
  }
  EXPECT_TRUE(!bug.plain || some_schedule_complains(bug));
}

void expect_clean(const Bug& good) {
  SCOPED_TRACE(good.name);
  for (unsigned seed = 0; seed < kSchedules; ++seed) EXPECT_EQ(complaint(good, seed), "");
}

template <class Kernel>
std::function<void(const Buffers&)> plain_launch(Kernel* kernel, size_t smem = 1040) {
  return [=](const Buffers& b) {
    simt::launch(kernel, {.grid = 2, .block = 64, .smem = smem}, b.out.get());
  };
}

TEST(Bugs, CorrectKernelsAreNotAccused) {
  expect_clean({"good", plain_launch(good_kernel, 256), false, false, nullptr});
  expect_clean({"cp.async",
                [](const Buffers& b) {
                  simt::launch(cp_async_kernel<true, true, false>,
                               {.grid = 2, .block = 64, .smem = 1024}, b.out.get(), b.in.get());
                },
                false, false, nullptr});
}

TEST(Bugs, AccessesOutsideAreNoticed) {
  const auto overrun = [](const Buffers& b) {
    simt::launch(static_shared_overrun_kernel, {.grid = 2, .block = 64}, b.out.get(), 1);
  };
  const auto host = [](const Buffers& b) {
    simt::launch(host_pointer_kernel, {.grid = 2, .block = 64}, b.out.get(), b.host.data());
  };
  const auto misaligned = [](const Buffers& b) {
    simt::launch(misaligned_load_kernel, {.grid = 2, .block = 64}, b.out.get(), b.in.get());
  };
  for (const Bug& bug : std::vector<Bug>{
           {"dynamic shared overrun", plain_launch(shared_overrun_kernel, 256), true, true,
            "of shared bytes 256..259, of 256"},
           {"static shared overrun", overrun, false, true, nullptr},
           {"global overrun", plain_launch(global_overrun_kernel), true, true,
            "of global bytes 512..515 of an allocation of 512"},
           {"host pointer", host, false, false, "which is not device memory"},
           {"misaligned float4", plain_launch(misaligned_kernel), false, true, nullptr},
           {"misaligned load of a float4", misaligned, true, true, "aligned to 16 bytes"}})
    expect_noticed(bug);
}

TEST(Bugs, RacesInSharedMemoryAreNoticed) {
  for (const Bug& bug : std::vector<Bug>{
           {"uninitialised shared", plain_launch(uninitialised_kernel), true, true,
            "which nobody wrote"},
           {"missing __syncthreads", plain_launch(missing_syncthreads_kernel), true, true,
            "shared byte"},
           {"missing __syncwarp", plain_launch(missing_syncwarp_kernel), true, true,
            "static shared byte"},
           {"buffer reused early", plain_launch(late_reuse_kernel), true, true, "race on shared"}})
    expect_noticed(bug);
}

TEST(Bugs, DivergentMeetingsAreErrorsInEveryBuild) {
  for (const Bug& bug :
       std::vector<Bug>{{"divergent __syncthreads", plain_launch(divergent_syncthreads_kernel),
                         true, true, "divergent __syncthreads"},
                        {"skipped __syncthreads", plain_launch(skipped_syncthreads_kernel), true,
                         true, "__syncthreads"},
                        {"shuffle of half a warp", plain_launch(partial_shuffle_kernel), true, true,
                         "meet in different instructions"}})
    expect_noticed(bug);
}

TEST(Bugs, RacesThroughGlobalMemoryAreNoticed) {
  for (const Bug& bug : std::vector<Bug>{
           {"two blocks write the same", plain_launch(block_race_kernel), false, false,
            "race between blocks on global"},
           {"lost update", plain_launch(lost_update_kernel), true, true, "race on global"},
           {"pointer to a local", plain_launch(local_pointer_kernel), false, false,
            "another thread's local variable"}})
    expect_noticed(bug);
}

template <class Kernel>
std::function<void(const Buffers&)> copy_launch(Kernel* kernel) {
  return [=](const Buffers& b) {
    simt::launch(kernel, {.grid = 2, .block = 64, .smem = 1024}, b.out.get(), b.in.get());
  };
}

TEST(Bugs, WrongUseOfCpAsyncIsNoticed) {
  for (const Bug& bug :
       std::vector<Bug>{{"no wait", copy_launch(cp_async_kernel<false, true, false>), true, true,
                         "is still under way"},
                        {"no __syncthreads", copy_launch(cp_async_kernel<true, false, false>), true,
                         true, "shared byte"},
                        {"refilled early", copy_launch(cp_async_kernel<true, true, true>), true,
                         false, "race on shared"}})
    expect_noticed(bug);
}

template <HopperFlaw Flaw>
void run_hopper(const Buffers& b) {
  simt::launch(hopper_kernel<Flaw>, {.grid = 2, .block = 128, .smem = 9 * 1024}, b.out.get(),
               b.ones_map());
}

TEST(Bugs, WrongUseOfWgmmaAndBulkLoadsIsNoticed) {
  expect_clean({"good", run_hopper<HopperFlaw::kNone>, false, false, nullptr});
  for (const Bug& bug : std::vector<Bug>{
           {"wgmma without wait", run_hopper<HopperFlaw::kNoWait>, true, true, "wrong numbers"},
           {"wgmma without wgmma.fence", run_hopper<HopperFlaw::kNoRegisterFence>, true, true,
            "no wgmma.fence"},
           {"wgmma never waited for", run_hopper<HopperFlaw::kNeverWaited>, true, true,
            "returned with this wgmma in flight"},
           {"wgmma operand overwritten", run_hopper<HopperFlaw::kSpoiledOperand>, true, true,
            "race on shared"},
           {"no mbarrier wait", run_hopper<HopperFlaw::kNoMbarrierWait>, true, true,
            "is still under way"},
           {"wrong byte count", run_hopper<HopperFlaw::kNoExpect>, true, true,
            "wait for something that will not come"},
           {"too many arrivals", run_hopper<HopperFlaw::kTooManyArrivals>, true, true, ""},
           {"more bytes than an mbarrier counts", run_hopper<HopperFlaw::kTooManyBytes>, true, true,
            "at most 1048575"},
           {"wgmma.wait_group taken for a barrier", run_hopper<HopperFlaw::kWaitAsBarrier>, false,
            false, "race on shared"},
           {"descriptor past the end", run_hopper<HopperFlaw::kWrongDescriptor>, true, true,
            "of shared byte 8192, which nobody wrote"}})
    expect_noticed(bug);
}

template <ProxyFlaw Flaw>
void run_written_operand(const Buffers& b) {
  simt::launch(written_operand_kernel<Flaw>, {.grid = 2, .block = 128, .smem = 8 * 1024},
               b.out.get());
}

template <StoreFlaw Flaw>
void run_store(const Buffers& b) {
  simt::launch(bulk_store_kernel<Flaw>, {.grid = 2, .block = 64, .smem = 256}, b.out_map());
}

// What the emulator itself cannot get wrong, hardware can: only the checker knows of proxies.
TEST(Bugs, AMissingProxyFenceIsNoticed) {
  expect_clean({"good operand", run_written_operand<ProxyFlaw::kNone>, false, false, nullptr});
  for (const Bug& bug : std::vector<Bug>{
           {"operand without fence", run_written_operand<ProxyFlaw::kNoFence>, false, false,
            "no fence.proxy.async in between"},
           {"fence before the writes", run_written_operand<ProxyFlaw::kFenceBeforeWrites>, false,
            false, "no fence.proxy.async in between"},
           {"store without fence", run_store<StoreFlaw::kNoFence>, false, false,
            "no fence.proxy.async in between"}})
    expect_noticed(bug);
}

TEST(Bugs, WrongUseOfBulkStoresIsNoticed) {
  expect_clean({"good store", run_store<StoreFlaw::kNone>, false, false, nullptr});
  expect_clean(
      {"fence by the storer", run_store<StoreFlaw::kFenceByTheStorer>, false, false, nullptr});
  for (const Bug& bug :
       std::vector<Bug>{{"store without __syncthreads", run_store<StoreFlaw::kNoSync>, true, true,
                         "through the async proxy of shared byte"},
                        {"tile reused early", run_store<StoreFlaw::kReusedEarly>, true, true, ""},
                        {"no wait before the end", run_store<StoreFlaw::kNoWait>, true, true,
                         "returned with this bulk store in flight"}})
    expect_noticed(bug);
}

TEST(Bugs, LaunchesThatHardwareRefusesAreRefused) {
  const DeviceArray<float> out(128);
  const auto launch = [&](const simt::Config& config) {
    simt::launch(good_kernel, config, out.get());
  };
  EXPECT_THROW(launch({.grid = 2, .block = {1, 1, 65}, .smem = 256}), Error);
  EXPECT_THROW(launch({.grid = {1, 65536}, .block = 64, .smem = 256}), Error);
  EXPECT_THROW(launch({.grid = 2, .block = 64, .smem = 228 * 1024}), Error);
  const simt::Config large{.grid = 2, .block = 64, .smem = 100 * 1024};
  EXPECT_NO_THROW(launch(large));
  setenv("DIPTYCH_SIM_CHIP", "86", 1);
  EXPECT_THROW(launch(large), Error);
  unsetenv("DIPTYCH_SIM_CHIP");
}

}  // namespace
}  // namespace diptych
