// The health of a step against plain sums over what it computed.
// SPDX-License-Identifier: MIT
#include "models/saehd/health.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "models/saehd/non_finite_loss.h"
#include "models/saehd/trainer.h"
#include "tests/support/golden.h"

namespace diptych {
namespace {

SaehdTrainOptions tiny(const char* archi) {
  SaehdTrainOptions options;
  options.network.set_archi(archi);
  options.network.resolution = 64;
  options.network.ae_dims = 32;
  options.network.e_dims = options.network.d_dims = options.network.d_mask_dims = 16;
  options.batch_size = 1;
  return options;
}

class Health : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam() != Engine::kCpu && !device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }
};

TEST_P(Health, BlockNormsAreThoseOfTheGradients) {
  Stream stream(GetParam());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(tiny("liae-ud"));
  const GoldenBatch batch(1, 64);
  const SaehdStep step = trainer.forward_backward(batch.src(), batch.dst());
  const std::vector<float> gradients = trainer.arena().gradients().to_host();
  ASSERT_EQ(step.health.blocks.size(), 4u);
  for (const BlockHealth& block : step.health.blocks) {
    double squares = 0;
    for (size_t i = 0; i < trainer.arena().list().size(); ++i) {
      if (trainer.arena().list()[i].name.rfind(block.name + "/", 0) != 0) continue;
      const ArenaRange range = trainer.arena().range(i);
      for (int64_t k = range.begin; k < range.end; ++k)
        squares += double{gradients[static_cast<size_t>(k)]} * gradients[static_cast<size_t>(k)];
    }
    EXPECT_GT(squares, 0) << block.name;
    EXPECT_NEAR(block.gradient_norm, std::sqrt(squares), 1e-6 * std::sqrt(squares)) << block.name;
  }
}

TEST_P(Health, OutputsAreThoseOfTheNetwork) {
  Stream stream(GetParam());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(tiny("df"));
  const GoldenBatch batch(1, 64);
  const SaehdStep step = trainer.forward_backward(batch.src(), batch.dst());
  EXPECT_LT(step.health.src.variance, 1e-3);
  EXPECT_NEAR(step.health.src.mean, 0.5, 0.1);  // a sigmoid that has hardly moved
  EXPECT_EQ(step.health.src.saturated, 0);
  EXPECT_EQ(step.health.non_finite, 0);
}

TEST_P(Health, ABiasThatRanAwayIsASaturatedOutputWithoutVariance) {
  Stream stream(GetParam());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(tiny("df"));
  const ParamArena& arena = trainer.arena();
  for (size_t i = 0; i < arena.list().size(); ++i) {
    if (arena.list()[i].name != "decoder_dst/out_conv/bias") continue;
    const ArenaRange r = arena.range(i);
    const Tensor bias = arena.weights().part(r.begin, {3});
    bias.copy_from(Tensor::full({3}, 50.0f));
  }
  const GoldenBatch batch(1, 64);
  const SaehdStep step = trainer.forward_backward(batch.src(), batch.dst());
  EXPECT_EQ(step.health.dst.saturated, 1);
  EXPECT_LT(step.health.dst.variance, 1e-6);
  EXPECT_EQ(step.health.src.saturated, 0);
}

TEST_P(Health, LossesThatAreNotFiniteNameTheirSamples) {
  Stream stream(GetParam());
  const StreamGuard guard(stream);
  SaehdTrainer trainer(tiny("df"));
  GoldenBatch bad(1, 64);
  bad.poison_dst_target(0);
  try {
    trainer.step(bad.src(), bad.dst());
    FAIL() << "no error";
  } catch (const NonFiniteLoss& e) {
    ASSERT_EQ(e.samples().size(), 1u);
    EXPECT_EQ(e.samples()[0].term, "dst");
    EXPECT_EQ(e.samples()[0].sample, 0u);
    EXPECT_FALSE(std::isfinite(e.samples()[0].value));
  }
}

TEST_P(Health, AnotherRateHoldsFromTheNextStepOn) {
  Stream stream(GetParam());
  const StreamGuard guard(stream);
  const GoldenBatch batch(1, 64);
  SaehdTrainer trainer(tiny("df"));
  const auto movement = [&] {  // the largest of a weight in a step
    const std::vector<float> before = trainer.arena().weights().to_host();
    trainer.step(batch.src(), batch.dst());
    const std::vector<float> after = trainer.arena().weights().to_host();
    float most = 0;
    for (size_t i = 0; i < after.size(); ++i) most = std::max(most, std::abs(after[i] - before[i]));
    return most;
  };
  movement();  // on a device the second step is recorded, with its rate
  EXPECT_GT(movement(), 1e-6f);
  trainer.set_learning_rate(1e-10f);
  EXPECT_LT(movement(), 1e-8f);
}

INSTANTIATE_TEST_SUITE_P(Engines,
                         Health,
                         ::testing::Values(Engine::kCpu, device_engine()),
                         [](const auto& param) { return std::string(name_of(param.param)); });

}  // namespace
}  // namespace diptych
