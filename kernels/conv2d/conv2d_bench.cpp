// Bench of conv2d: every variant x the real shapes of SAEHD df-ud 128 x passes.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/conv2d/conv2d.h"
#include "tests/support/cases.h"

namespace diptych {
namespace {

constexpr int kBatch = 4;  // per side

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

template <class Variant, class Args>
void measure(benchmark::State& state, const Variant& variant, const Args& args) {
  static Stream stream(Engine::kCpu, threads());
  if (!variant.accepts(stream, args)) {
    state.SkipWithError("does not accept");
    return;
  }
  for (auto _ : state) variant.run(stream, args);
  state.counters["GFLOP/s"] = benchmark::Counter(args.problem.flops() * 1e-9,
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

template <class Body>
void add(const std::string& name, const Body& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMicrosecond);
}

void add_layer(const Conv2dLayer& layer, DType dtype) {
  const Conv2dProblem t = layer.problem;
  const Conv2dEpilogue epilogue = layer.epilogue;
  const DType y_dtype = layer.f32_out ? DType::kF32 : dtype;
  const auto name = [&](const char* pass, const char* variant) {
    return layer.name + "/" + pass + "/" + variant + "/" + name_of(dtype);
  };
  for (const auto& variant : conv2d_forward_variants()) {
    add(name("forward", variant.name), [=](benchmark::State& state) {
      Buffer x(t.x_shape(), dtype), w(t.w_shape(), dtype), b({t.k}, DType::kF32);
      Buffer residual(t.a_shape(), dtype), y(epilogue.y_shape(t), y_dtype);
      measure(
          state, variant,
          Conv2dForwardArgs{t, epilogue, x.view(), w.view(), b.view(), residual.view(), y.grad()});
    });
  }
  for (const auto& variant : conv2d_backward_data_variants()) {
    if (!layer.needs_dx) continue;
    add(name("backward_data", variant.name), [=](benchmark::State& state) {
      Buffer da(t.a_shape(), dtype), w(t.w_shape(), dtype), dx(t.x_shape(), dtype);
      measure(state, variant, Conv2dBackwardDataArgs{t, da.view(), w.view(), dx.grad()});
    });
  }
  for (const auto& variant : conv2d_backward_weight_variants()) {
    add(name("backward_weight", variant.name), [=](benchmark::State& state) {
      Buffer x(t.x_shape(), dtype), da(t.a_shape(), dtype), dw(t.w_shape(), DType::kF32);
      measure(state, variant, Conv2dBackwardWeightArgs{t, x.view(), da.view(), dw.grad()});
    });
  }
  add(name("backward_epilogue", "loops"), [=](benchmark::State& state) {
    Stream stream(Engine::kCpu, threads());
    Buffer y(epilogue.y_shape(t), dtype), dy(epilogue.y_shape(t), dtype);
    Buffer da(t.a_shape(), dtype), db({t.k}, DType::kF32);
    for (auto _ : state) {
      conv2d_backward_epilogue(stream, t, epilogue, y.view(), dy.view(), da.grad(), db.grad());
    }
    const double elements = static_cast<double>(t.a_shape().numel());
    state.counters["GB/s"] =
        benchmark::Counter(3e-9 * elements * static_cast<double>(size_of(dtype)),
                           benchmark::Counter::kIsIterationInvariantRate);
  });
}

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  for (const auto& layer : diptych::saehd_df_ud_128_convs(diptych::kBatch)) {
    for (const auto dtype : {diptych::DType::kF32, diptych::DType::kBF16}) {
      diptych::add_layer(layer, dtype);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
