// Times of blur at the sizes of SAEHD 128, batch 8.
// SPDX-License-Identifier: MIT
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/blur/blur.h"

namespace diptych {
namespace {

// args: channels, sigma
void forward(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  const Shape shape{8, 128, 128, state.range(0)};
  const auto sigma = static_cast<double>(state.range(1));
  std::vector<float> x(static_cast<size_t>(shape.numel()), 0.5f), y(x.size());
  for (auto _ : state)
    blur_forward(stream, {x.data(), shape, DType::kF32}, sigma, {y.data(), shape, DType::kF32});
  state.counters["FLOP/s"] =
      benchmark::Counter(4.0 * blur_size(sigma) * static_cast<double>(shape.numel()),
                         benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(forward)
    ->ArgNames({"C", "sigma"})
    ->Args({1, 4})
    ->Args({3, 4})
    ->Args({3, 16})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
