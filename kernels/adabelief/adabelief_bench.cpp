// Times of adabelief on an arena of the size of SAEHD df-ud 128 (54.47 M weights).
// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/adabelief/adabelief.h"

namespace diptych {
namespace {

constexpr int64_t kCount = 54'470'000;

// args: bf16 copy, learning-rate dropout
void step(benchmark::State& state) {
  Stream stream(Engine::kCpu, static_cast<int>(state.range(2)));
  std::vector<float> g(kCount), w(kCount), m(kCount), v(kCount);
  std::vector<bf16> copy(kCount);
  for (size_t i = 0; i < g.size(); ++i) {
    g[i] = std::sin(static_cast<float>(i % 1000));
    w[i] = 0.5f * g[i];
    v[i] = 1e-3f;
  }
  const Shape shape{kCount};
  AdaBeliefStep options{.keep_probability = state.range(1) ? 0.3f : 1.0f};
  for (auto _ : state) {
    adabelief_step(stream, options, {g.data(), shape, DType::kF32}, {},
                   {w.data(), shape, DType::kF32}, {m.data(), shape, DType::kF32},
                   {v.data(), shape, DType::kF32},
                   state.range(0) ? MutView{copy.data(), shape, DType::kBF16} : MutView{});
    ++options.step;
  }
  const int64_t bytes = state.range(0) ? 30 : 28;
  state.SetBytesProcessed(state.iterations() * kCount * bytes);
  state.counters["FLOP/s"] =
      benchmark::Counter(11.0 * kCount, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(step)
    ->ArgNames({"copy", "dropout", "threads"})
    ->Args({0, 0, 1})
    ->Args({1, 0, 1})
    ->Args({1, 1, 1})
    ->Args({1, 0, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
