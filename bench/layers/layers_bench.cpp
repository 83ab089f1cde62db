// layers_bench: every rung of ours and the vendor's best plan, on every pass of every layer of the
// models, against the floor that the chip's own measured peaks set. Prints a table as it goes and
// appends JSON lines for bench/report.py. --list needs no GPU.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>

#include <cuda_runtime.h>

#include "bench/layers/bench_options.h"
#include "bench/layers/candidates.h"
#include "bench/layers/json_line.h"
#include "bench/layers/peaks.h"
#include "kernels/common/device.h"
#ifdef DIPTYCH_HAVE_CUDNN
#include "kernels/common/cuda/cudnn.h"
#include "kernels/gemm/gemm_cublas.h"
#endif

namespace diptych {
namespace {

using Clock = std::chrono::steady_clock;

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

// "580.95.05", from where the driver says it.
std::string driver_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word;
  while (file >> word)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == word.npos)
      return word;
  return "unknown";
}

// What every line says of where and when.
JsonLine circumstances(const BenchOptions& options) {
  const DeviceInfo& gpu = device::info();
  JsonLine line;
  line.add("date", today())
      .add("commit", options.commit)
      .add("chip", gpu.name)
      .add("sm", gpu.chip)
      .add("driver", driver_version())
      .add("toolkit", str(gpu.runtime / 1000, '.', gpu.runtime % 1000 / 10));
#ifdef DIPTYCH_HAVE_CUDNN
  line.add("cudnn", cudnn::version_text()).add("cublas", cublas_version_text());
#endif
  return line;
}

class Bench {
 public:
  Bench(const BenchOptions& options, Stream& stream, size_t l2_bytes)
      : options_(options),
        stream_(stream),
        clock_(stream, l2_bytes),
        started_(Clock::now()),
        common_(circumstances(options)) {
    if (options.out.empty()) return;
    file_.open(options.out, std::ios::app);
    if (!file_)
      throw InputError(options.out, "cannot be written", "Name a file in a folder that exists");
  }

  void measure_peaks() {
    const Peak bytes = measure_bytes_per_s(stream_, clock_);
    const Peak flops = measure_flops_per_s(stream_, clock_, options_.dtype);
    peaks_ = {flops.per_s, bytes.per_s};
    std::printf("peaks: %.0f GB/s (%s), %.1f TFLOP/s %s (%s)\n", bytes.per_s * 1e-9,
                bytes.source.c_str(), flops.per_s * 1e-12, name_of(options_.dtype),
                flops.source.c_str());
    JsonLine line;
    line.add("kind", "peaks")
        .add("dtype", name_of(options_.dtype))
        .add("gb_per_s", bytes.per_s * 1e-9)
        .add("gb_source", bytes.source)
        .add("tflops", flops.per_s * 1e-12)
        .add("tflops_source", flops.source)
        .add(common_);
    write(line);
  }

  template <class Layer>
  void run(const BenchNetwork& network, const std::vector<Layer>& layers) {
    for (const Layer& layer : layers) {
      if (layer.name.find(options_.layer) == std::string::npos) continue;
      if (out_of_time()) {
        ++left_out_;
        continue;
      }
      std::printf("%s %s x%d  %s\n", network.name.c_str(), layer.name.c_str(), layer.calls,
                  str(layer.problem).c_str());
      for (const LayerPass pass : options_.passes) run_pass(network, layer, pass);
    }
  }

  int left_out() const { return left_out_; }

  int failures() const { return failures_; }

 private:
  bool out_of_time() const {
    return std::chrono::duration<double>(Clock::now() - started_).count() > 60 * options_.minutes;
  }

  Work work(const Conv2dLayer& layer, LayerPass pass) const {
    return work_of(pass, layer.problem, layer.epilogue, options_.dtype,
                   layer.f32_out ? DType::kF32 : options_.dtype);
  }

  Work work(const DenseLayer& layer, LayerPass pass) const {
    return work_of(pass, layer.problem, options_.dtype);
  }

  bool wanted(const Candidate& candidate) const {
    const auto& names = options_.variants;
    return names.empty() || std::find(names.begin(), names.end(), candidate.variant) != names.end();
  }

  template <class Layer>
  void run_pass(const BenchNetwork& network, const Layer& layer, LayerPass pass) {
    const LayerCandidates candidates =
        candidates_of(stream_, clock_, layer, pass, options_.dtype, {.plans = options_.plans});
    const Work needed = work(layer, pass);
    const Floor floor = floor_of(needed, peaks_);
    for (const Candidate& candidate : candidates.list) {
      if (!wanted(candidate)) continue;
      try {
        const GpuTimes times = clock_.time(candidate.run, options_.budget_ms);
        report(network, layer, pass, candidate, times, needed, floor);
      } catch (const Error& e) {
        ++failures_;
        std::printf("  %-18s %-14s FAILED: %s\n", name_of(pass), candidate.variant.c_str(),
                    e.what());
      }
    }
    std::fflush(stdout);
  }

  template <class Layer>
  void report(const BenchNetwork& network,
              const Layer& layer,
              LayerPass pass,
              const Candidate& candidate,
              const GpuTimes& times,
              const Work& needed,
              const Floor& floor) {
    std::printf("  %-18s %c %-14s hot %9.4f ms  cold %9.4f ms  %6.1f TFLOP/s  %4.0f%% of %s\n",
                name_of(pass), candidate.chosen ? '*' : ' ', candidate.variant.c_str(),
                times.hot_ms, times.cold_ms, needed.flops / times.hot_ms * 1e-9,
                100 * floor.ms / times.hot_ms, floor.memory_bound ? "memory" : "arithmetic");
    JsonLine line;
    line.add("kind", "layer")
        .add("network", network.name)
        .add("layer", layer.name)
        .add("calls", layer.calls)
        .add("problem", str(layer.problem))
        .add("pass", name_of(pass))
        .add("dtype", name_of(options_.dtype))
        .add("variant", candidate.variant)
        .add("detail", candidate.detail)
        .add("ours", candidate.ours)
        .add("chosen", candidate.chosen)
        .add("ms", times.hot_ms)
        .add("cold_ms", times.cold_ms)
        .add("spread", times.spread)
        .add("runs", times.runs)
        .add("floor_ms", floor.ms)
        .add("memory_bound", floor.memory_bound)
        .add("tflops", needed.flops / times.hot_ms * 1e-9)
        .add("gb_per_s", needed.bytes / times.hot_ms * 1e-6)
        .add(common_);
    write(line);
  }

  void write(const JsonLine& line) {
    if (file_.is_open()) file_ << line.line() << '\n' << std::flush;
  }

  const BenchOptions& options_;
  Stream& stream_;
  GpuClock clock_;
  Clock::time_point started_;
  JsonLine common_;
  std::ofstream file_;
  Peaks peaks_;
  int left_out_ = 0, failures_ = 0;
};

void list(const BenchOptions& options) {
  for (const BenchNetwork& network : options.networks) {
    const NetworkLayers layers = saehd_layers(network.config, network.batch);
    std::printf("%s: %lld parameters, %.1f GFLOP in a forward pass\n", network.name.c_str(),
                static_cast<long long>(layers.parameters), 2e-9 * layers.forward_macs);
    const auto row = [](const auto& layer) {
      std::printf("  %-34s x%d  %-52s %10.3f GFLOP\n", layer.name.c_str(), layer.calls,
                  str(layer.problem).c_str(), 1e-9 * layer.problem.flops());
    };
    for (const Conv2dLayer& layer : layers.convs) row(layer);
    for (const DenseLayer& layer : layers.denses) row(layer);
  }
}

int run(const BenchOptions& options) {
  if (options.list) {
    list(options);
    return 0;
  }
  Stream stream(Engine::kCuda);
  int l2_bytes = 0;
  cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, 0);
  Bench bench(options, stream, static_cast<size_t>(std::max(l2_bytes, 32 << 20)));
  bench.measure_peaks();
  for (const BenchNetwork& network : options.networks) {
    const NetworkLayers layers = saehd_layers(network.config, network.batch);
    bench.run(network, layers.convs);
    bench.run(network, layers.denses);
  }
  if (bench.left_out() > 0)
    std::printf("out of time: %d layers were not measured (--minutes %g)\n", bench.left_out(),
                options.minutes);
  if (bench.failures() > 0) std::printf("%d variants failed\n", bench.failures());
  return bench.failures() > 0 ? 1 : 0;
}

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    for (const std::string& argument : arguments) {
      if (argument != "--help") continue;
      std::fputs(diptych::bench_usage(), stdout);
      return 0;
    }
    return diptych::run(diptych::parse_bench_options(arguments));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
