// Measuring of peaks.
// SPDX-License-Identifier: MIT
#include "bench/layers/peaks.h"

#include "bench/layers/device_memory.h"
#ifdef DIPTYCH_HAVE_CUDNN
#include "kernels/gemm/gemm_cublas.h"
#endif

namespace diptych {

namespace {

constexpr size_t kCopyBytes = size_t{1} << 30;
constexpr int kThreadsABlock = 256, kWaves = 4;
constexpr double kBudgetMs = 100;

void better(Peak& peak, double per_s, const char* source) {
  if (per_s > peak.per_s) peak = {per_s, source};
}

int blocks_of_a_loop() {
  return device::info().multiprocessors * 8 * kWaves;
}

#ifdef DIPTYCH_HAVE_CUDNN
void by_product(Stream& stream, GpuClock& clock, DType dtype, Peak& peak) {
  const int size = dtype == DType::kF32 ? 4096 : 8192;
  const DenseCublasProblem p = {
      .problem = {.m = size, .in = size, .out = size}, .dtype = dtype, .out_dtype = dtype};
  const Shape shape = {size, size};
  DeviceMemory x(shape, dtype), w(shape, dtype), y(shape, dtype);
  x.fill(stream, dtype);
  w.fill(stream, dtype);
  for (const DenseCublasPlan& plan : dense_cublas_plans(p, 4)) {
    const auto run = [&] {
      void* const workspace = plan.workspace > 0 ? stream.workspace(plan.workspace) : nullptr;
      dense_cublas_run(p, plan, {.x = x.get(), .w = w.get(), .y = y.get()}, false, workspace,
                       stream.cuda());
    };
    better(peak, 1e3 * p.problem.flops() / clock.time(run, kBudgetMs).hot_ms,
           dtype == DType::kF32 ? "cuBLASLt 4096^3" : "cuBLASLt 8192^3");
  }
}
#endif

}  // namespace

Peak measure_bytes_per_s(Stream& stream, GpuClock& clock) {
  DeviceMemory from(kCopyBytes), to(kCopyBytes);
  from.fill(stream, DType::kF32);
  Peak peak;
  const int blocks = device::info().multiprocessors * 8;
  const auto by_kernel = [&] {
    launch_copy(stream.cuda(), from.get(), to.get(), kCopyBytes, blocks);
  };
  const auto by_library = [&] { device::copy(stream.cuda(), to.get(), from.get(), kCopyBytes); };
  const double moved = 2.0 * static_cast<double>(kCopyBytes);
  better(peak, 1e3 * moved / clock.time(by_kernel, kBudgetMs).hot_ms, "copy kernel");
  better(peak, 1e3 * moved / clock.time(by_library, kBudgetMs).hot_ms, "cudaMemcpy");
  return peak;
}

Peak measure_flops_per_s(Stream& stream, GpuClock& clock, DType dtype) {
  const int blocks = blocks_of_a_loop();
  const DeviceMemory sink(static_cast<size_t>(blocks) * kThreadsABlock * sizeof(float));
  Peak peak;
  const bool bf16 = dtype == DType::kBF16;
  const auto loop = bf16 ? launch_mma_loop : launch_fma_loop;
  double flops = 0;
  const auto run = [&] { flops = loop(stream.cuda(), blocks, sink.get<float>()); };
  const double ms = clock.time(run, kBudgetMs).hot_ms;
  better(peak, 1e3 * flops / ms, bf16 ? "mma.sync loop" : "fma loop");
#ifdef DIPTYCH_HAVE_CUDNN
  by_product(stream, clock, dtype, peak);
#endif
  return peak;
}

}  // namespace diptych
