// The device engine of this build (the emulator, or a GPU) against the cpu engine, and against
// itself: eager and recorded, run through and resumed.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "kernels/common/variants.h"
#include "models/saehd/trainer.h"
#include "tensor/allocator.h"
#include "tensor/ops.h"
#include "tensor/tape.h"
#include "tests/support/golden.h"

namespace diptych {
namespace {

// Both discriminators, as small as they may be.
SaehdTrainOptions adversarial(SaehdTrainOptions options) {
  options.adversarial = {.gan_power = 0.1f, .gan_dims = 4, .true_face_power = 0.1f};
  return options;
}

// What a run leaves: losses of every step, and the weights, those of discriminators at the end.
struct Outcome {
  std::vector<float> losses, weights;
};

Outcome train(Engine engine, const SaehdTrainOptions& options, int steps) {
  Stream stream(engine);
  const StreamGuard guard(stream);
  SaehdTrainer trainer(options);
  const GoldenBatch batch(options.batch_size, options.network.resolution, true);
  Outcome run;
  for (int i = 0; i < steps; ++i) {
    const SaehdStep step = trainer.step(batch.src(), batch.dst());
    run.losses.push_back(step.src_loss[0]);
    run.losses.push_back(step.dst_loss[0]);
  }
  check_guard_bands();
  run.weights = trainer.arena().weights().to_host();
  if (!trainer.adversaries()) return run;
  for (const SaehdAdversaries::Part& part : trainer.adversaries()->parts()) {
    const std::vector<float> weights = part.arena->weights().to_host();
    run.weights.insert(run.weights.end(), weights.begin(), weights.end());
  }
  return run;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    largest = d <= largest ? largest : d;  // a NaN sticks
  }
  return largest;
}

class DeviceEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }
};

// Without discriminators steps and runs are held to derived bounds: tests/parity. With them this
// one is argued: how far the runs end from each other, relative to how far the weights have come.
// Rounding alone gives 4e-6. When the input of a leaky ReLU rounds across zero in one of them, a
// gradient changes by a share of itself, and AdaBelief, which divides by the gradient's own size,
// carries that on: 1e-3 was seen after twenty steps. A rate or a beta that is off by a twentieth
// gives 5e-2.
TEST_F(DeviceEngine, TwentyStepsAgainstDiscriminatorsAgreeWithTheCpu) {
  const SaehdTrainOptions options = adversarial(tiny_options("df-ud"));
  const std::vector<float> start = train(Engine::kCpu, options, 0).weights;
  const Outcome cpu = train(Engine::kCpu, options, 20);
  const Outcome device = train(device_engine(), options, 20);
  for (size_t i = 0; i < cpu.losses.size(); ++i)
    EXPECT_NEAR(device.losses[i], cpu.losses[i], 1e-3f * std::abs(cpu.losses[i])) << i;
  double apart = 0, way = 0;
  for (size_t i = 0; i < start.size(); ++i) {
    apart += std::abs(static_cast<double>(cpu.weights[i]) - device.weights[i]);
    way += std::abs(static_cast<double>(cpu.weights[i]) - start[i]);
  }
  EXPECT_LE(apart, 1e-2 * way);
}

// Gradients of one step, tensor by tensor, relative to the largest of the tensor.
double largest_relative_error(const SaehdTrainOptions& options, Engine engine, DType dtype) {
  std::vector<std::vector<float>> gradients[2];
  for (const int run : {0, 1}) {  // 0: the yardstick, f32 on the cpu
    Stream stream(run == 0 ? Engine::kCpu : engine);
    const StreamGuard guard(stream);
    SaehdTrainOptions mine = options;
    mine.dtype = run == 0 ? DType::kF32 : dtype;
    SaehdTrainer trainer(mine);
    const GoldenBatch batch(options.batch_size, options.network.resolution, true);
    trainer.forward_backward(batch.src(), batch.dst());
    for (const NamedParameter& p : trainer.arena().list())
      gradients[run].push_back(p.parameter->master.grad().to_host());
  }
  double worst = 0;
  for (size_t k = 0; k < gradients[0].size(); ++k) {
    double scale = 0;
    for (const float g : gradients[0][k]) scale = std::max(scale, std::abs(static_cast<double>(g)));
    const double error = largest_difference(gradients[0][k], gradients[1][k]) / scale;
    worst = error <= worst ? worst : error;
  }
  return worst;
}

// Wide enough for the tensor cores' kernels. bf16 keeps 8 bits: about forty layers of roundings of
// 2^-9 add up to some per cent of a tensor's largest gradient, on either engine; the device must
// not be worse than twice the cpu.
TEST_F(DeviceEngine, Bf16GradientsAreAsNearToF32AsTheCpus) {
  SaehdTrainOptions options = tiny_options("df-ud");
  options.network.ae_dims = 32;
  options.network.e_dims = options.network.d_dims = options.network.d_mask_dims = 16;
  const double cpu = largest_relative_error(options, Engine::kCpu, DType::kBF16);
  const double device = largest_relative_error(options, device_engine(), DType::kBF16);
  EXPECT_GT(device, 0);
  EXPECT_LE(device, 2 * cpu) << "cpu " << cpu;
  EXPECT_LE(largest_relative_error(options, device_engine(), DType::kF32), 1e-4);
}

TEST_F(DeviceEngine, AReplayedGraphGivesTheSameBitsAsEagerExecution) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    SaehdTrainOptions options = tiny_options("df-ud", dtype);
    options.optimizer.lr_dropout = true;  // draws and rate change from step to step
    options.optimizer.clip_norm = 1;
    const Outcome graph = train(device_engine(), options, 5);
    options.graph = false;
    const Outcome eager = train(device_engine(), options, 5);
    EXPECT_EQ(graph.losses, eager.losses);
    EXPECT_EQ(graph.weights, eager.weights);
  }
}

// Every network and term that a step can have, in one graph.
TEST_F(DeviceEngine, AReplayedGraphWithDiscriminatorsAndStyleGivesTheSameBits) {
  SaehdTrainOptions options = adversarial(tiny_options("df-ud", DType::kBF16));
  options.style = {.face = 1, .background = 1};
  options.loss.blur_out_mask = true;
  options.optimizer.lr_dropout = true;
  const Outcome graph = train(device_engine(), options, 4);
  options.graph = false;
  const Outcome eager = train(device_engine(), options, 4);
  EXPECT_EQ(graph.losses, eager.losses);
  EXPECT_EQ(graph.weights, eager.weights);
}

// The batch of `golden`, brought in by copies on the device.
SaehdTrainer::Source source_of(const GoldenBatch& golden, const SaehdTrainOptions& options) {
  SaehdBatch kept(options.batch_size, options.network.resolution, options.loss.eyes_mouth_prio);
  kept.load(golden.src(), golden.dst());
  return [kept](const SaehdBatch& batch) {
    batch.warped().copy_from(kept.warped());
    batch.src().target.copy_from(kept.src().target);
    batch.src().mask.copy_from(kept.src().mask);
    batch.dst().target.copy_from(kept.dst().target);
    batch.dst().mask.copy_from(kept.dst().mask);
  };
}

TEST_F(DeviceEngine, StepsFromASourceOnTheDeviceGiveTheSameBits) {
  const SaehdTrainOptions options = tiny_options("df");
  const Outcome stepped = train(device_engine(), options, 6);
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(options);
  trainer.set_source(source_of(GoldenBatch(1, 64, true), options));
  std::vector<float> losses;
  for (int submitted = 0; submitted < 6 || trainer.in_flight() > 0;) {
    if (submitted < 6) {
      trainer.submit();
      ++submitted;
      if (submitted < 6 && trainer.in_flight() < 3) continue;
    }
    const SaehdStep step = trainer.collect();
    losses.push_back(step.src_loss[0]);
    losses.push_back(step.dst_loss[0]);
  }
  EXPECT_EQ(losses, stepped.losses);
  EXPECT_EQ(trainer.arena().weights().to_host(), stepped.weights);
  EXPECT_EQ(trainer.iteration(), 6);
}

TEST_F(DeviceEngine, AClosedGateShowsWhenItsStepIsCollected) {
  const SaehdTrainOptions options = tiny_options("df");
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(options);
  GoldenBatch bad(1, 64);
  bad.poison_dst_target(0);
  trainer.set_source(source_of(bad, options));
  const std::vector<float> before = trainer.arena().weights().to_host();
  for (int i = 0; i < 3; ++i) trainer.submit();
  EXPECT_THROW(trainer.save("/nowhere", {}), Error);
  for (int i = 0; i < 3; ++i) EXPECT_THROW(trainer.collect(), Error);
  EXPECT_EQ(trainer.arena().weights().to_host(), before);
  EXPECT_EQ(trainer.iteration(), 0);
}

TEST_F(DeviceEngine, ALossThatIsNotFiniteLeavesTheWeightsAndTheCount) {
  for (const bool graph : {false, true}) {
    Stream stream(device_engine());
    const StreamGuard guard(stream);
    SaehdTrainOptions options = tiny_options("df");
    options.graph = graph;
    SaehdTrainer trainer(options);
    const GoldenBatch good(1, 64);
    for (int i = 0; i < 2; ++i) trainer.step(good.src(), good.dst());
    const std::vector<float> before = trainer.arena().weights().to_host();
    GoldenBatch bad(1, 64);
    bad.poison_dst_target(0);
    EXPECT_THROW(trainer.step(bad.src(), bad.dst()), Error);
    EXPECT_EQ(trainer.arena().weights().to_host(), before);
    EXPECT_EQ(trainer.iteration(), 2);
    const SaehdStep after = trainer.step(good.src(), good.dst());
    EXPECT_TRUE(std::isfinite(after.dst_loss[0]));
    EXPECT_NE(trainer.arena().weights().to_host(), before);
  }
}

TEST_F(DeviceEngine, ACheckpointGoesFromEngineToEngineAndResumesExactly) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "diptych_engine_test.safetensors").string();
  const SaehdTrainOptions options = tiny_options("df-ud");
  const GoldenBatch batch(1, 64);
  std::vector<float> whole, on_device;
  Stream stream(device_engine());
  {
    const StreamGuard guard(stream);
    SaehdTrainer trainer(options);
    for (int i = 0; i < 3; ++i) trainer.step(batch.src(), batch.dst());
    trainer.save(path, {});
    on_device = trainer.arena().weights().to_host();
    for (int i = 0; i < 2; ++i) trainer.step(batch.src(), batch.dst());
    whole = trainer.arena().weights().to_host();
    SaehdTrainer resumed(options);
    resumed.load(path);
    for (int i = 0; i < 2; ++i) resumed.step(batch.src(), batch.dst());
    EXPECT_EQ(resumed.arena().weights().to_host(), whole);
  }
  SaehdTrainer on_cpu(options);
  on_cpu.load(path);
  EXPECT_EQ(on_cpu.arena().weights().to_host(), on_device);
  EXPECT_EQ(on_cpu.iteration(), 3);
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".prev");
}

TEST_F(DeviceEngine, MemoryOfTheSecondStepIsTheMemoryOfTheFirst) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  SaehdTrainOptions options = tiny_options("df");
  options.graph = false;
  SaehdTrainer trainer(options);
  const GoldenBatch batch(1, 64);
  trainer.step(batch.src(), batch.dst());
  const AllocatorStats before = allocator_stats(Place::kDevice);
  for (int i = 0; i < 3; ++i) trainer.step(batch.src(), batch.dst());
  const AllocatorStats after = allocator_stats(Place::kDevice);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_EQ(after.live_bytes + after.cached_bytes, before.live_bytes + before.cached_bytes);
  EXPECT_GT(before.peak_bytes, before.live_bytes);
}

// What the first, eager step left in the cache is given back before the second is recorded.
TEST_F(DeviceEngine, ARecordedStepNeedsNoMoreMemoryThanAnEagerOne) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(tiny_options("df"));
  const GoldenBatch batch(1, 64);
  trainer.step(batch.src(), batch.dst());
  const AllocatorStats eager = allocator_stats(Place::kDevice);
  for (int i = 0; i < 2; ++i) trainer.step(batch.src(), batch.dst());
  const AllocatorStats graph = allocator_stats(Place::kDevice);
  EXPECT_LE(graph.live_bytes + graph.cached_bytes, eager.live_bytes + eager.cached_bytes);
}

TEST_F(DeviceEngine, TheHostMayNotReadDeviceMemory) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  const Tensor t = Tensor::full({5}, 2.0f);
  EXPECT_EQ(t.place(), Place::kDevice);
  EXPECT_THROW(t.as<float>(), Error);
  EXPECT_EQ(t.to_host(), std::vector<float>(5, 2.0f));
}

TEST_F(DeviceEngine, TransfersCannotBeRecorded) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  const Tensor t = Tensor::full({5}, 2.0f);
  EXPECT_THROW(StepGraph([&] { t.to_host(); }), Error);
  EXPECT_EQ(t.to_host(), std::vector<float>(5, 2.0f));  // and recording has ended
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST_F(DeviceEngine, AVariantThatDoesNotExistIsRefusedWithTheNamesThatDo) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  const Tensor x = Tensor::full({1, 8, 8, 3}, 1.0f), w = Tensor::full({4, 3, 3, 3}, 1.0f);
  const ForceVariant force("conv2d_forward", "magic");
  const std::string message = message_of([&] { conv2d(x, w, {}, {}, {}); });
  EXPECT_NE(message.find("no variant is named magic"), std::string::npos) << message;
  EXPECT_NE(message.find("naive"), std::string::npos) << message;
}

TEST_F(DeviceEngine, AVariantThatCannotDoTheProblemIsNotReplacedSilently) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  const Tensor x = Tensor::full({1, 8, 8, 3}, 1.0f), w = Tensor::full({4, 3, 3, 3}, 1.0f);
  const ForceVariant force("conv2d_forward", "wgmma_128x128");  // bf16 only
  const std::string message = message_of([&] { conv2d(x, w, {}, {}, {}); });
  EXPECT_NE(message.find("wgmma_128x128 was forced but does not accept"), std::string::npos)
      << message;
}

TEST(Engines, AnUnknownNameIsRefusedWithTheNamesThatExist) {
  const std::string message = message_of([] { engine_from("tpu"); });
  EXPECT_EQ(message, "engine tpu does not exist; there are cpu, cuda, cudnn and sim");
}

TEST(Engines, AnEngineThatThisBuildLacksSaysWhatToDo) {
  const Engine missing = device_engine() == Engine::kSim ? Engine::kCuda : Engine::kSim;
  const std::string message = message_of([&] { const Stream stream(missing); });
  EXPECT_NE(message.find("cmake --preset"), std::string::npos) << message;
}

}  // namespace
}  // namespace diptych
