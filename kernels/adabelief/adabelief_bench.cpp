// adabelief on the arena of SAEHD df-ud 128/256/64/64/22: milliseconds and bytes per second.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <memory>

#include <benchmark/benchmark.h>

#include "kernels/adabelief/adabelief.h"

namespace diptych {
namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};

void adabelief_arena(benchmark::State& state) {
  constexpr int64_t kCount = 54470998 / 64 * 64;
  const bool copy = state.range(0) != 0;
  std::unique_ptr<float, Free> buffers[4];
  for (auto& b : buffers) {
    b.reset(static_cast<float*>(std::aligned_alloc(64, kCount * 4)));
    for (int64_t i = 0; i < kCount; ++i) b.get()[i] = 1e-3f * static_cast<float>(i % 7);
  }
  const std::unique_ptr<bf16, Free> narrow(static_cast<bf16*>(std::aligned_alloc(64, kCount * 2)));
  Stream stream(Engine::kCpu, 1);
  const Shape shape{kCount};
  const auto view = [&](int i) { return MutView{buffers[i].get(), shape, DType::kF32}; };
  for (auto _ : state) {
    adabelief_step(stream, {}, view(0), {}, view(1), view(2), view(3),
                   copy ? MutView{narrow.get(), shape, DType::kBF16} : MutView{});
  }
  state.SetBytesProcessed(state.iterations() * kCount * (copy ? 30 : 28));
}

BENCHMARK(adabelief_arena)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
