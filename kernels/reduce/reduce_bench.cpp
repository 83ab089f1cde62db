// Times of the whole-array reductions on an arena of the size of SAEHD df-ud 128.
// SPDX-License-Identifier: MIT
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/reduce/reduce.h"

namespace diptych {
namespace {

constexpr int64_t kCount = 54'470'000;

template <void (*kReduce)(Stream&, View, GradView)>
void reduce(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  const std::vector<float> x(kCount, 0.5f);
  float y = 0;
  for (auto _ : state)
    kReduce(stream, {x.data(), {kCount}, DType::kF32},
            {{&y, {1}, DType::kF32}, GradMode::kOverwrite});
  state.SetBytesProcessed(state.iterations() * kCount * 4);
}

BENCHMARK(reduce<sum_of_squares>)->Name("sum_of_squares")->Unit(benchmark::kMillisecond);
BENCHMARK(reduce<count_non_finite>)->Name("count_non_finite")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
