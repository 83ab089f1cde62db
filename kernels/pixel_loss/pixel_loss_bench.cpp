// Times of the pixel losses at the sizes of SAEHD 128, batch 8.
// SPDX-License-Identifier: MIT
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/pixel_loss/pixel_loss.h"

namespace diptych {
namespace {

const Shape kPicture{8, 128, 128, 3}, kMask{8, 128, 128, 1};

struct Data {
  std::vector<float> t = std::vector<float>(static_cast<size_t>(kPicture.numel()), 0.5f);
  std::vector<float> p = std::vector<float>(t.size(), 0.25f), d = p;
  std::vector<float> m = std::vector<float>(static_cast<size_t>(kMask.numel()), 0.75f);
  std::vector<float> loss = std::vector<float>(8, 1.0f);

  static MutView view(std::vector<float>& values, const Shape& shape) {
    return {values.data(), shape, DType::kF32};
  }
};

void count(benchmark::State& state, int64_t bytes_per_value) {
  state.SetBytesProcessed(state.iterations() * kPicture.numel() * bytes_per_value);
}

void squared_error(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  Data d;
  for (auto _ : state)
    squared_error_forward(stream, d.view(d.t, kPicture), d.view(d.p, kPicture), d.view(d.m, kMask),
                          d.view(d.loss, {8}));
  count(state, 8);
}

void squared_error_gradient(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  Data d;
  for (auto _ : state)
    squared_error_backward(stream, d.view(d.t, kPicture), d.view(d.p, kPicture), d.view(d.m, kMask),
                           d.view(d.loss, {8}), {d.view(d.d, kPicture)});
  count(state, 12);
}

void mul_mask(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  Data d;
  for (auto _ : state)
    mul_mask_forward(stream, d.view(d.p, kPicture), d.view(d.m, kMask), d.view(d.d, kPicture));
  count(state, 8);
}

void total_variation(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  Data d;
  for (auto _ : state) {
    total_variation_forward(stream, TotalVariation::kRowsAndColumns, d.view(d.p, kPicture),
                            d.view(d.loss, {8}));
    total_variation_backward(stream, TotalVariation::kRowsAndColumns, d.view(d.p, kPicture),
                             d.view(d.loss, {8}), {d.view(d.d, kPicture)});
  }
  count(state, 12);
}

BENCHMARK(squared_error)->Unit(benchmark::kMillisecond);
BENCHMARK(squared_error_gradient)->Unit(benchmark::kMillisecond);
BENCHMARK(mul_mask)->Unit(benchmark::kMillisecond);
BENCHMARK(total_variation)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
