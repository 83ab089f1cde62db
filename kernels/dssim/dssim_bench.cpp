// Times of dssim at the sizes of SAEHD: the window of the resolution, batch 8.
// SPDX-License-Identifier: MIT
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/dssim/dssim.h"

namespace diptych {
namespace {

struct Data {
  explicit Data(const DssimProblem& p)
      : x(static_cast<size_t>(p.x_shape().numel())),
        y(x.size()),
        dy(x.size()),
        saved(static_cast<size_t>(p.saved_shape().numel())),
        loss(static_cast<size_t>(p.loss_shape().numel())),
        dloss(loss.size(), 1.0f) {
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>(i * 2654435761u % 1000) / 1000.0f;
      y[i] = 0.7f * x[i] + 0.2f;
    }
  }

  std::vector<float> x, y, dy, saved, loss, dloss;
};

DssimProblem problem_of(const benchmark::State& state) {
  const auto r = static_cast<int>(state.range(0));
  return {.n = 8, .h = r, .w = r, .c = 3, .window = static_cast<int>(state.range(1))};
}

void forward(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  const DssimProblem p = problem_of(state);
  Data d(p);
  for (auto _ : state)
    dssim_forward(stream, p, {d.x.data(), p.x_shape(), DType::kF32},
                  {d.y.data(), p.x_shape(), DType::kF32},
                  {d.loss.data(), p.loss_shape(), DType::kF32},
                  {d.saved.data(), p.saved_shape(), DType::kF32});
}

void backward(benchmark::State& state) {
  Stream stream(Engine::kCpu, 1);
  const DssimProblem p = problem_of(state);
  Data d(p);
  for (auto _ : state)
    dssim_backward(stream, p, {d.x.data(), p.x_shape(), DType::kF32},
                   {d.y.data(), p.x_shape(), DType::kF32},
                   {d.saved.data(), p.saved_shape(), DType::kF32},
                   {d.dloss.data(), p.loss_shape(), DType::kF32},
                   {{d.dy.data(), p.x_shape(), DType::kF32}, GradMode::kOverwrite});
}

BENCHMARK(forward)
    ->ArgNames({"R", "f"})
    ->Args({128, 11})
    ->Args({256, 22})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(backward)
    ->ArgNames({"R", "f"})
    ->Args({128, 11})
    ->Args({256, 22})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
