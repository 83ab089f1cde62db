// Time of image_warp on the CPU: a batch of 8 by resolution and colours.
// SPDX-License-Identifier: MIT
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/common/rng.h"
#include "kernels/image_warp/image_warp.h"

namespace diptych {
namespace {

constexpr int64_t kBatch = 8, kFaces = 4;

void BM_ImageWarp(benchmark::State& bench) {
  const int64_t w = bench.range(0), area = w * w;
  Rng rng(1, 0, 0);
  std::vector<FaceTexel> pictures(static_cast<size_t>(kFaces * area));
  for (FaceTexel& t : pictures) {
    const uint32_t bits = rng.next_u32();
    t = {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8),
         static_cast<uint8_t>(bits >> 16), static_cast<uint8_t>(bits >> 24)};
  }
  const std::vector<uint8_t> eyes(static_cast<size_t>(kFaces * area), 1);
  std::vector<int32_t> order;
  for (int32_t i = 0; i < kBatch; ++i) order.push_back(i % kFaces);
  std::vector<float> values(static_cast<size_t>(kBatch * area * 8));
  const auto part = [&](int64_t first, int64_t channels) {
    return MutView{values.data() + kBatch * area * first, {kBatch, w, w, channels}, DType::kF32};
  };
  Stream stream;
  ImageWarpState state{0};
  ImageWarpOptions options{.resolution = static_cast<int>(w)};
  options.hsv_power = bench.range(1) ? 0.1 : 0;
  const ImageWarpFaces faces{
      .count = kFaces, .pictures = pictures.data(), .eyes_mouth = eyes.data()};
  for (auto _ : bench)
    image_warp(stream, options, faces, {.period = kBatch, .face = order.data()}, &state,
               {part(0, 3), part(3, 3), part(6, 1), part(7, 1)});
  bench.SetItemsProcessed(bench.iterations() * kBatch);
  // 32 bytes of outputs and 5 of the face per pixel
  bench.SetBytesProcessed(bench.iterations() * kBatch * area * 37);
}

BENCHMARK(BM_ImageWarp)
    ->ArgNames({"side", "jitter"})
    ->ArgsProduct({{128, 256}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace diptych

BENCHMARK_MAIN();
