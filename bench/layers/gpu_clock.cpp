// Timing by CUDA events.
// SPDX-License-Identifier: MIT
#include "bench/layers/gpu_clock.h"

#include <algorithm>
#include <cmath>

#include <cuda_runtime.h>

#include "kernels/common/check.h"
#include "kernels/common/device.h"

namespace diptych {

namespace {

constexpr int kFewestRuns = 5, kMostRuns = 50;
constexpr double kGraphMs = 2;  // of repetitions in a graph

void check(cudaError_t error, const char* what) {
  DIPTYCH_CHECK(error == cudaSuccess, "GpuClock: ", what, ": ", cudaGetErrorString(error));
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// What fits the budget; one will do for what takes many times of it.
int count_within(double budget_ms, double each_ms, int least, int most) {
  if (each_ms > 4 * budget_ms) return 1;
  const double count = budget_ms / std::max(each_ms, 1e-4);
  return static_cast<int>(std::clamp(count, static_cast<double>(least), static_cast<double>(most)));
}

}  // namespace

double median_of(std::vector<double> values) {
  DIPTYCH_CHECK(!values.empty(), "median_of: no values");
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

GpuClock::GpuClock(Stream& stream, size_t l2_bytes) : stream_(stream), flush_bytes_(2 * l2_bytes) {
  flush_ = device::allocate(flush_bytes_);
  cudaEvent_t start = nullptr, stop = nullptr;
  check(cudaEventCreate(&start), "event");
  check(cudaEventCreate(&stop), "event");
  start_ = start;
  stop_ = stop;
}

GpuClock::~GpuClock() {
  cudaEventDestroy(static_cast<cudaEvent_t>(start_));
  cudaEventDestroy(static_cast<cudaEvent_t>(stop_));
  device::release(flush_);
}

double GpuClock::between(const std::function<void()>& body) {
  const auto stream = static_cast<cudaStream_t>(stream_.cuda());
  const auto start = static_cast<cudaEvent_t>(start_), stop = static_cast<cudaEvent_t>(stop_);
  check(cudaEventRecord(start, stream), "record");
  body();
  check(cudaEventRecord(stop, stream), "record");
  check(cudaEventSynchronize(stop), "wait");
  float ms = 0;
  check(cudaEventElapsedTime(&ms, start, stop), "elapsed time");
  return static_cast<double>(ms);
}

double GpuClock::glance(const std::function<void()>& run) {
  run();
  device::fill_bytes(stream_.cuda(), flush_, 1, flush_bytes_);  // the host gets ahead meanwhile
  return between(run);
}

double GpuClock::hot(const std::function<void()>& run, double estimate_ms, double budget_ms) {
  const int repetitions = count_within(kGraphMs, estimate_ms, 1, 100);
  const auto repeat = [&] {
    for (int i = 0; i < repetitions; ++i) run();
  };
  device::Graph graph;
  bool recorded = true;
  graph.begin(stream_.cuda());
  try {
    repeat();
    graph.end(stream_.cuda());
  } catch (const Error&) {  // a library that does what a recording forbids
    graph.abandon(stream_.cuda());
    recorded = false;
  }
  const auto all = [&] { recorded ? graph.launch(stream_.cuda()) : repeat(); };
  all();
  std::vector<double> times;
  const int rounds = count_within(budget_ms, estimate_ms * repetitions, kFewestRuns, kMostRuns);
  for (int i = 0; i < rounds; ++i) times.push_back(between(all) / repetitions);
  return median_of(std::move(times));
}

GpuTimes GpuClock::time(const std::function<void()>& run, double budget_ms) {
  const double estimate = glance(run);
  GpuTimes times;
  times.runs = count_within(budget_ms, estimate, kFewestRuns, kMostRuns);
  std::vector<double> cold;
  for (int i = 0; i < times.runs; ++i) {
    device::fill_bytes(stream_.cuda(), flush_, static_cast<unsigned char>(i), flush_bytes_);
    cold.push_back(between(run));
  }
  std::sort(cold.begin(), cold.end());
  times.cold_ms = quantile(cold, 0.5);
  times.spread = (quantile(cold, 0.75) - quantile(cold, 0.25)) / times.cold_ms;
  times.hot_ms = hot(run, estimate, budget_ms);
  return times;
}

}  // namespace diptych
