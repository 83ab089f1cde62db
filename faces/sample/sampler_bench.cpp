// Samples per second of one thread, by mode and resolution, and the time to prepare a face.
// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "faces/sample/prepared_face.h"
#include "faces/sample/sampler.h"
#include "faces/sample/test_faces.h"

namespace diptych {
namespace {

constexpr int kStoredSide = 512;
constexpr int kFaces = 8;
constexpr int kBatch = 4;

struct Mode {
  const char* name;
  const char* ct_mode;
  float hsv_power;
  bool parity_dfl;
};

constexpr Mode kModes[] = {
    {"plain", "none", 0, false}, {"jitter", "none", 0.1f, false}, {"rct", "rct", 0, false},
    {"lct", "lct", 0, false},    {"mkl", "mkl", 0, false},        {"idt", "idt", 0, false},
    {"sot", "sot", 0, false},    {"parity", "none", 0, true},     {"parity_rct", "rct", 0, true}};

void make_batches(benchmark::State& state, const Mode& mode, int resolution) {
  SampleOptions options;
  options.resolution = resolution;
  options.face_type = FaceType::kWhole;
  options.random_flip = true;
  options.hsv_power = mode.hsv_power;
  options.ct_mode = mode.ct_mode;
  options.parity_dfl = mode.parity_dfl;
  Sampler sampler(test_faces(kFaces, kStoredSide), test_faces(kFaces, kStoredSide), options, kBatch,
                  1, 0, 0, 0);
  for (auto _ : state) benchmark::DoNotOptimize(sampler.next());
  const auto samples = static_cast<double>(state.iterations()) * kBatch;
  state.counters["samples/s"] = benchmark::Counter(samples, benchmark::Counter::kIsRate);
}

void prepare(benchmark::State& state) {
  const Face face = test_face(1, kStoredSide);
  const PrepareOptions options{static_cast<int>(state.range(0)), FaceType::kFull, true};
  for (auto _ : state) benchmark::DoNotOptimize(prepare_face(face, options));
}

BENCHMARK(prepare)->Arg(64)->Arg(128)->Arg(256)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  for (const auto& mode : diptych::kModes) {
    for (const int resolution : {64, 128, 256}) {
      const std::string name =
          std::string("batch_of_4/") + mode.name + "/" + std::to_string(resolution);
      benchmark::RegisterBenchmark(name.c_str(), [&mode, resolution](benchmark::State& state) {
        diptych::make_batches(state, mode, resolution);
      })->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
