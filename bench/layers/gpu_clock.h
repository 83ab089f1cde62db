// GpuClock: how long work on a stream takes, by CUDA events.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include "kernels/common/stream.h"

namespace diptych {

struct GpuTimes {
  double hot_ms = 0;   // median of a run among its repetitions: inputs may be in the L2
  double cold_ms = 0;  // median of a run after the L2 was overwritten
  double spread = 0;   // (third - first quartile) / median of the cold runs
  int runs = 0;        // cold runs
};

double median_of(std::vector<double> values);

class GpuClock {
 public:
  // Overwrites twice l2_bytes between cold runs.
  GpuClock(Stream& stream, size_t l2_bytes);
  ~GpuClock();
  GpuClock(const GpuClock&) = delete;
  GpuClock& operator=(const GpuClock&) = delete;

  // One run after one to warm up, milliseconds. For choosing among plans.
  double glance(const std::function<void()>& run);

  // Spends about budget_ms on cold and as much on hot runs: at least 5 of each, or one of what
  // takes over four times the budget. Repetitions are recorded as a graph where `run` can be, so
  // that the host's pace does not count.
  GpuTimes time(const std::function<void()>& run, double budget_ms);

 private:
  double between(const std::function<void()>& body);  // milliseconds on the stream
  double hot(const std::function<void()>& run, double estimate_ms, double budget_ms);

  Stream& stream_;
  size_t flush_bytes_;
  void* flush_ = nullptr;
  void *start_ = nullptr, *stop_ = nullptr;  // cudaEvent_t
};

}  // namespace diptych
