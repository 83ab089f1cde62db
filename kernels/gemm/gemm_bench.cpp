// Bench of the dense layer: every variant x the model's real shapes x passes.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/gemm/gemm.h"
#include "tests/support/dense_cases.h"

namespace diptych {
namespace {

constexpr int kBatch = 4;  // per side, so M = 8

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

  View view() const { return {memory.data(), shape, dtype}; }

  GradView grad() { return {{memory.data(), shape, dtype}, GradMode::kOverwrite}; }
};

// Streams the matrix w (or dw) once: bytes are its size.
void report(benchmark::State& state, const DenseProblem& t, DType weights) {
  const double bytes = static_cast<double>(t.in) * t.out * static_cast<double>(size_of(weights));
  state.counters["GFLOP/s"] =
      benchmark::Counter(t.flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] =
      benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

template <class Variant, class Args>
void measure(benchmark::State& state, const Variant& variant, const Args& args, DType weights) {
  static Stream stream(Engine::kCpu, threads());
  if (!variant.accepts(stream, args)) {
    state.SkipWithError("does not accept");
    return;
  }
  for (auto _ : state) variant.run(stream, args);
  report(state, args.problem, weights);
}

void add(const DenseLayer& layer, DType dtype) {
  const DenseProblem t = layer.problem;
  const auto name = [&](const char* pass, const char* variant) {
    return layer.name + "/" + pass + "/" + variant + "/" + name_of(dtype);
  };
  for (const auto& variant : dense_forward_variants()) {
    benchmark::RegisterBenchmark(name("forward", variant.name).c_str(), [=](auto& state) {
      Buffer x({t.m, t.in}, dtype), w({t.out, t.in}, dtype), b({t.out}, DType::kF32);
      Buffer y({t.m, t.out}, dtype);
      measure(state, variant, DenseForwardArgs{t, x.view(), w.view(), b.view(), y.grad()}, dtype);
    });
  }
  for (const auto& variant : dense_backward_data_variants()) {
    benchmark::RegisterBenchmark(name("backward_data", variant.name).c_str(), [=](auto& state) {
      Buffer dy({t.m, t.out}, dtype), w({t.out, t.in}, dtype), dx({t.m, t.in}, dtype);
      measure(state, variant, DenseBackwardDataArgs{t, dy.view(), w.view(), dx.grad()}, dtype);
    });
  }
  for (const auto& variant : dense_backward_weight_variants()) {
    benchmark::RegisterBenchmark(name("backward_weight", variant.name).c_str(), [=](auto& state) {
      Buffer x({t.m, t.in}, dtype), dy({t.m, t.out}, dtype), dw({t.out, t.in}, DType::kF32);
      measure(state, variant, DenseBackwardWeightArgs{t, x.view(), dy.view(), dw.grad()},
              DType::kF32);
    });
  }
}

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  for (const auto& layer : diptych::saehd_df_ud_128_dense(diptych::kBatch)) {
    for (const auto dtype : {diptych::DType::kF32, diptych::DType::kBF16}) {
      diptych::add(layer, dtype);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
