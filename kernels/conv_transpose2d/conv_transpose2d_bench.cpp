// Bench of conv_transpose2d: every forward variant x real shapes.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "tests/support/conv_transpose2d_cases.h"

namespace diptych {
namespace {

constexpr int kBatch = 4;

// OMP_NUM_THREADS, or all cores.
int threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  return text ? std::max(0, std::atoi(text)) : 0;
}

// Memory for a tensor, filled; the values do not change the time.
struct Buffer {
  std::vector<float> memory;
  Shape shape;
  DType dtype;

  Buffer(Shape sizes, DType type)
      : memory(static_cast<size_t>(sizes.numel()), 0.25f), shape(sizes), dtype(type) {}

  MutView view() { return {memory.data(), shape, dtype}; }
};

void add(const ConvTranspose2dLayer& layer, DType dtype) {
  const ConvTranspose2dProblem t = layer.problem;
  for (const ConvTranspose2dVariant& variant : conv_transpose2d_forward_variants()) {
    const std::string name = layer.name + "/forward/" + variant.name + "/" + name_of(dtype);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      static Stream stream(Engine::kCpu, threads());
      Buffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
      Buffer y(t.y_shape(), dtype);
      const ConvTranspose2dForwardArgs args = {
          t, {.bias = true, .leaky_slope = 0.2f}, x.view(), w.view(), b.view(), y.view()};
      if (!variant.accepts(stream, args)) {
        state.SkipWithError("does not accept");
        return;
      }
      for (auto _ : state) variant.run(stream, args);
      state.counters["GFLOP/s"] =
          benchmark::Counter(t.flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
    });
  }
}

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  for (const auto& layer : diptych::conv_transpose2d_layers(diptych::kBatch)) {
    for (const auto dtype : {diptych::DType::kF32, diptych::DType::kBF16}) {
      diptych::add(layer, dtype);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
