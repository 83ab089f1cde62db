// Channels that memory rounds up (tensor/channels.h): the zeros added stay zeros in training, and
// nothing but memory knows of them.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "models/saehd/surgery.h"
#include "nn/init.h"
#include "optim/arena_values.h"
#include "tests/support/golden.h"

namespace diptych {
namespace {

TEST(Channels, AreStoredInEightsPartByPart) {
  EXPECT_EQ(Channels(64).stored(), 64);
  EXPECT_EQ(Channels(22).stored(), 24);
  EXPECT_EQ(Channels(4).stored(), 8);
  EXPECT_EQ(Channels(4 * 22, 4).stored(), 96);
  EXPECT_EQ(Channels(2 * 5, 2).stored(), 16);
}

TEST(Channels, OfPicturesAndMasksStay) {
  EXPECT_EQ(Channels(1).stored(), 1);
  EXPECT_EQ(Channels(3).stored(), 3);
  EXPECT_EQ(Channels(4 * 3, 4).stored(), 12);  // four interleaved heads
}

// Five channels of each of four pixels, from five channels of each of two inputs.
Parameter two_to_four() {
  return Parameter::filter({4 * 5, 4}, 3, {2 * 5, 2});
}

Tensor numbered(const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 1.0f);
  return Tensor::from(values, shape);
}

TEST(Parameter, IsStoredWithZerosAfterEachPart) {
  const Parameter p = two_to_four();
  EXPECT_EQ(p.shape, (Shape{20, 3, 3, 10}));
  EXPECT_EQ(p.master.shape(), (Shape{32, 3, 3, 16}));
  const Tensor values = numbered(p.shape), stored = p.pad(values);
  const float *v = values.as<float>(), *s = stored.as<float>();
  for (int64_t k = 0; k < 32; ++k) {
    for (int64_t tap = 0; tap < 9; ++tap) {
      for (int64_t c = 0; c < 16; ++c) {
        const bool added = k % 8 >= 5 || c % 8 >= 5;
        const int64_t value_k = k / 8 * 5 + k % 8, value_c = c / 8 * 5 + c % 8;
        EXPECT_EQ(s[(k * 9 + tap) * 16 + c], added ? 0 : v[(value_k * 9 + tap) * 10 + value_c]);
      }
    }
  }
  EXPECT_EQ(p.strip(stored).to_host(), values.to_host());
}

TEST(Parameter, BiasesAndMatricesGoBothWays) {
  for (const Parameter& p : {Parameter::bias({4 * 5, 4}), Parameter::matrix({9 * 7, 9}, 12)}) {
    const Tensor values = numbered(p.shape);
    EXPECT_GT(p.master.numel(), p.shape.numel());
    EXPECT_EQ(p.pad(values).shape(), p.master.shape());
    EXPECT_EQ(p.strip(p.pad(values)).to_host(), values.to_host());
  }
}

TEST(Parameter, RefusesPartsThatAreNotAlike) {
  EXPECT_THROW(Parameter::bias({10, 4}), Error);
}

TEST(InitialValues, AreTheSameHoweverTheyAreStored) {
  Parameter in_parts = two_to_four(), whole = Parameter::filter(20, 3, 10);
  ASSERT_NE(in_parts.master.shape(), whole.master.shape());
  nn::initialise({{"w", &in_parts}}, 7);
  nn::initialise({{"w", &whole}}, 7);
  const std::vector<float> values = whole.values().to_host();
  EXPECT_EQ(in_parts.values().to_host(), values);
  // Glorot: 9 taps, 10 inputs, 20 outputs.
  const float largest = *std::max_element(values.begin(), values.end());
  EXPECT_LE(largest, std::sqrt(6.0f / (9 * 30)));
  EXPECT_GT(largest, 0.98f * std::sqrt(6.0f / (9 * 30)));
}

// No width comes in eights; those of three and fewer are left out of it.
SaehdTrainOptions odd(const std::string& archi) {
  SaehdTrainOptions o;
  o.network.set_archi(archi);
  o.network.resolution = 64;
  o.network.ae_dims = 9;
  o.network.e_dims = o.network.d_dims = o.network.d_mask_dims = 5;
  o.batch_size = 1;
  return o;
}

// Tests run side by side: each has a file of its own.
std::string checkpoint_of_this_test() {
  std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::replace(name.begin(), name.end(), '/', '_');
  return (std::filesystem::temp_directory_path() / ("diptych_padding_" + name + ".safetensors"))
      .string();
}

struct Training {
  Engine engine;
  DType dtype;
  OptimizerKind kind;
  std::string archi;
};

// Elements of a flat buffer that are no values, and are not 0.
int64_t stray(const ParamArena& arena, const Tensor& flat) {
  const std::vector<float> values = flat.to_host();
  int64_t count = 0;
  for (size_t i = 0; i < arena.list().size(); ++i) {
    const Parameter& p = *arena.list()[i].parameter;
    const std::vector<float> is_value =
        p.pad(Tensor::full(p.shape, 1.0f)).reshape({p.master.numel()}).to_host();
    const auto first = static_cast<size_t>(arena.range(i).begin);
    for (size_t k = 0; k < is_value.size(); ++k)
      count += is_value[k] != 1 && !(values[first + k] == 0);
  }
  return count;
}

void expect_no_stray(const ParamArena& arena, const Optimizer& optimizer, const char* network) {
  SCOPED_TRACE(network);
  ASSERT_GT(arena.size(), arena.parameter_count());
  EXPECT_EQ(stray(arena, arena.weights()), 0);
  EXPECT_EQ(stray(arena, arena.gradients()), 0);
  if (arena.compute_dtype() != DType::kF32) {
    EXPECT_EQ(stray(arena, arena.compute_copies()), 0);
  }
  for (const Optimizer::Moment& m : optimizer.moments())
    EXPECT_EQ(stray(arena, m.values), 0) << m.name;
}

class PaddingInTraining : public ::testing::TestWithParam<Training> {
 protected:
  void SetUp() override {
    if (GetParam().engine != Engine::kCpu && !device::trouble().empty())
      GTEST_SKIP() << device::trouble();
  }
};

TEST_P(PaddingInTraining, StaysZero) {
  const Training& run = GetParam();
  Stream stream(run.engine);
  const StreamGuard guard(stream);
  SaehdTrainOptions options = odd(run.archi);
  options.dtype = run.dtype;
  options.optimizer = {
      .kind = run.kind, .learning_rate = 1e-3f, .clip_norm = 0.5f, .lr_dropout = true};
  options.adversarial = {.gan_power = 0.1f, .gan_patch_size = 8, .gan_dims = 5};
  if (!options.network.liae) options.adversarial.true_face_power = 0.1f;
  options.style = {.face = 1, .background = 1};
  SaehdTrainer trainer(options);
  const GoldenBatch batch(1, options.network.resolution, true);
  const std::vector<float> before = trainer.arena().weights().to_host();
  for (int i = 0; i < 3; ++i) trainer.step(batch.src(), batch.dst());
  EXPECT_NE(trainer.arena().weights().to_host(), before);
  expect_no_stray(trainer.arena(), trainer.optimizer(), "network");
  for (const SaehdAdversaries::Part& part : trainer.adversaries()->parts())
    expect_no_stray(*part.arena, *part.optimizer, part.name);
}

INSTANTIATE_TEST_SUITE_P(
    Runs,
    PaddingInTraining,
    ::testing::Values(Training{Engine::kCpu, DType::kF32, OptimizerKind::kAdaBelief, "df-ud"},
                      Training{Engine::kCpu, DType::kF32, OptimizerKind::kRmsProp, "liae-ut"},
                      Training{Engine::kCpu, DType::kBF16, OptimizerKind::kAdam, "liae-dc"},
                      Training{device_engine(), DType::kBF16, OptimizerKind::kAdaBelief, "df-ud"}),
    [](const auto& test) { return "run" + std::to_string(test.index); });

class OddNetwork : public ::testing::TestWithParam<const char*> {};

// Biases' gradients by layer. Those of channels that nothing reads are 0 and left out.
std::vector<std::vector<float>> bias_gradients(SaehdTrainer& trainer) {
  std::vector<std::vector<float>> lists;
  for (const NamedParameter& p : trainer.arena().list()) {
    if (p.parameter->shape.rank() != 1) continue;
    lists.emplace_back();
    for (const float g : p.parameter->strip(p.parameter->master.grad()).to_host())
      if (g != 0) lists.back().push_back(g);
  }
  return lists;
}

// The same weights in a wider network in which memory adds nothing, and whose further channels
// nothing reads: the same losses, and the same gradients all the way back.
TEST_P(OddNetwork, ComputesWhatAWiderOneWithoutPaddingDoes) {
  const SaehdTrainOptions narrow_options = odd(GetParam());
  SaehdTrainOptions wide_options = narrow_options;
  wide_options.network.ae_dims = 16;
  wide_options.network.e_dims = wide_options.network.d_dims = 8;
  wide_options.network.d_mask_dims = 8;
  SaehdTrainer narrow(narrow_options), wide(wide_options);
  ASSERT_GT(narrow.arena().size(), narrow.arena().parameter_count());
  const std::string path = checkpoint_of_this_test();
  narrow.save(path, {});
  carry_over(Safetensors::open(path), wide);
  std::filesystem::remove(path);
  const GoldenBatch batch(1, 64, true);
  const SaehdStep a = narrow.forward_backward(batch.src(), batch.dst()),
                  b = wide.forward_backward(batch.src(), batch.dst());
  EXPECT_NEAR(a.src_loss[0], b.src_loss[0], 1e-5f * b.src_loss[0]);
  EXPECT_NEAR(a.dst_loss[0], b.dst_loss[0], 1e-5f * b.dst_loss[0]);
  const auto narrow_gradients = bias_gradients(narrow), wide_gradients = bias_gradients(wide);
  for (size_t i = 0; i < narrow_gradients.size(); ++i) {
    const std::vector<float>&x = narrow_gradients[i], &y = wide_gradients[i];
    ASSERT_EQ(x.size(), y.size()) << i;
    float scale = 0;
    for (const float g : y) scale = std::max(scale, std::abs(g));
    for (size_t k = 0; k < x.size(); ++k) EXPECT_NEAR(x[k], y[k], 5e-4f * scale) << i << ' ' << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Archis,
                         OddNetwork,
                         ::testing::Values("df", "df-dt", "liae-d", "liae-tc"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Checkpoint, HoldsValuesAloneAndResumesExactly) {
  SaehdTrainOptions options = odd("liae-ud");
  options.optimizer.lr_dropout = true;
  const std::string path = checkpoint_of_this_test();
  SaehdTrainer whole(options);
  const GoldenBatch batch(1, 64, true);
  for (int i = 0; i < 2; ++i) whole.step(batch.src(), batch.dst());
  whole.save(path, {});
  {
    const Safetensors file = Safetensors::open(path);
    for (const char* kind : {"weight/", "m/", "v/"}) {
      for (const NamedParameter& p : whole.arena().list())
        EXPECT_EQ(file.entries().at(kind + p.name).shape, p.parameter->shape);
    }
    EXPECT_EQ(file.entries().at("weight/decoder/upscalem2/conv1/weight").shape,
              (Shape{4 * 2 * 5, 3, 3, 4 * 5}));
    EXPECT_EQ(file.entries().at("weight/inter_B/dense2/weight").shape, (Shape{2 * 2 * 2 * 9, 9}));
  }
  options.seed = 99;
  SaehdTrainer resumed(options);
  resumed.load(path);
  for (SaehdTrainer* trainer : {&whole, &resumed}) trainer->step(batch.src(), batch.dst());
  std::filesystem::remove(path);
  EXPECT_EQ(resumed.arena().weights().to_host(), whole.arena().weights().to_host());
  for (size_t m = 0; m < 2; ++m)
    EXPECT_EQ(resumed.optimizer().moments()[m].values.to_host(),
              whole.optimizer().moments()[m].values.to_host());
}

// What went wrong with the padding too, however it came there, does not outlive a return to a
// checkpoint.
TEST(Checkpoint, BringsTheZerosBack) {
  const SaehdTrainOptions options = odd("df");
  const std::string path = checkpoint_of_this_test();
  SaehdTrainer trainer(options);
  trainer.save(path, {});
  const ParamArena& arena = trainer.arena();
  std::fill_n(arena.weights().as<float>(), arena.size(), NAN);
  trainer.load(path);
  std::filesystem::remove(path);
  EXPECT_EQ(stray(arena, arena.weights()), 0);
}

}  // namespace
}  // namespace diptych
