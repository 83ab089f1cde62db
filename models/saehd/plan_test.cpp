// What is foretold of a training step: its memory against the allocator's counters around real
// steps, its multiplications against the spec's.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "models/saehd/cost.h"
#include "models/saehd/memory.h"
#include "tensor/allocator.h"

namespace diptych {
namespace {

SaehdTrainOptions options_of(
    const std::string& archi, int resolution, int ae, int e, int d, int m) {
  SaehdTrainOptions o;
  o.network.set_archi(archi);
  o.network.resolution = resolution;
  o.network.ae_dims = ae;
  o.network.e_dims = e;
  o.network.d_dims = d;
  o.network.d_mask_dims = m;
  o.batch_size = 1;
  return o;
}

// Spec networks.md 10: GMAC of one src and one dst picture, forward and backward.
TEST(StepCosts, AreThoseOfTheSpec) {
  const struct {
    SaehdTrainOptions options;
    double forward, both;
    int64_t parameters;
  } cases[] = {
      {options_of("df", 64, 64, 32, 32, 16), 3.526, 10.573, 10114632},
      {options_of("df-ud", 128, 256, 64, 64, 22), 15.228, 45.646, 54470998},
      {options_of("liae-ud", 128, 256, 64, 64, 22), 18.053, 54.120, 82376555},
      {options_of("liae-udt", 320, 384, 80, 80, 26), 176.631, 529.587, 223254303},
      {options_of("df-udt", 224, 256, 64, 64, 22), 53.444, 160.211, 94212694},
      {options_of("df-ud", 96, 128, 64, 64, 16), 8.057, 24.150, 38294330},
  };

  for (const auto& c : cases) {
    const std::vector<PartCost> costs = step_costs(c.options);
    double forward = 0;
    int64_t parameters = 0;
    for (const PartCost& cost : costs) {
      forward += cost.forward / 1e9;
      parameters += cost.parameters;
    }
    EXPECT_NEAR(forward, c.forward, 0.001) << c.options.network.archi();
    EXPECT_NEAR(total_macs(costs) / 1e9, c.both, 0.001) << c.options.network.archi();
    EXPECT_EQ(parameters, c.parameters);
  }
}

// Spec networks.md 10: forward GMAC per picture of the discriminators.
TEST(StepCosts, OfDiscriminatorsAreThoseOfTheSpec) {
  const struct {
    SaehdTrainOptions options;
    double gan;
  } cases[] = {
      {options_of("df-ud", 128, 256, 64, 64, 22), 0.157},
      {options_of("df-udt", 224, 256, 64, 64, 22), 6.395},
      {options_of("df-ud", 256, 256, 64, 64, 22), 0.853},
  };

  for (const auto& c : cases) {
    SaehdTrainOptions o = c.options;
    o.adversarial.gan_power = 0.1f;
    const std::vector<PartCost> costs = step_costs(o);
    ASSERT_EQ(costs.back().part, "GAN");
    // The generator's pass, and one over real and one over fake pictures.
    EXPECT_NEAR(costs.back().forward / 3e9, c.gan, 0.001);
  }
}

TEST(StepCosts, GrowWithTheBatchAndStopWithPretraining) {
  SaehdTrainOptions o = options_of("df", 64, 64, 32, 32, 16);
  const double one = total_macs(step_costs(o));
  o.batch_size = 3;
  EXPECT_DOUBLE_EQ(total_macs(step_costs(o)), 3 * one);
  o.adversarial.gan_power = 0.1f;
  o.style.face = 10;
  EXPECT_GT(total_macs(step_costs(o)), 3 * one);
  o.pretrain = true;
  EXPECT_DOUBLE_EQ(total_macs(step_costs(o)), 3 * one);
}

class Batch {
 public:
  explicit Batch(const SaehdTrainOptions& o)
      : picture_(Tensor::full({o.batch_size, o.network.resolution, o.network.resolution, 3}, 0.5f)),
        mask_(Tensor::full({o.batch_size, o.network.resolution, o.network.resolution, 1}, 1.0f)) {}

  SaehdSide side() const { return {picture_, picture_, mask_, mask_}; }

 private:
  Tensor picture_, mask_;
};

// Stated tolerance: none. A dry run takes the same blocks in the same order.
TEST(Memory, OfADryRunIsThatOfRealSteps) {
  SaehdTrainOptions plain = options_of("df-ud", 64, 16, 8, 8, 8);
  plain.batch_size = 2;
  SaehdTrainOptions liae = options_of("liae-udt", 64, 16, 8, 8, 8);
  liae.dtype = DType::kBF16;
  liae.loss.eyes_mouth_prio = true;
  liae.loss.blur_out_mask = true;
  liae.optimizer.kind = OptimizerKind::kRmsProp;
  SaehdTrainOptions adversarial = options_of("df", 64, 16, 8, 8, 8);
  adversarial.adversarial.gan_power = 0.1f;
  adversarial.adversarial.true_face_power = 0.01f;
  adversarial.style = {.face = 1, .background = 1};
  adversarial.optimizer.clip_norm = 1;
  for (const SaehdTrainOptions& o : {plain, liae, adversarial}) {
    const TrainMemory foretold = foretell_memory(o, 1);
    const Batch batch(o);
    Stream stream(Engine::kCpu, 1);
    const StreamGuard guard(stream);
    const MemoryWatch watch;
    SaehdTrainer trainer(o);
    for (int i = 0; i < 3; ++i) trainer.step(batch.side(), batch.side());
    const TrainMemory real = watch.read(trainer);
    EXPECT_EQ(foretold.peak, real.peak) << o.network.archi();
    EXPECT_EQ(foretold.reserved, real.reserved) << o.network.archi();
    EXPECT_GT(real.workspace, 0u);
    EXPECT_EQ(foretold.workspace, real.workspace) << o.network.archi();
    EXPECT_EQ(foretold.parts(), real.parts()) << o.network.archi();
    EXPECT_GT(real.activations(), 0u);
    EXPECT_LT(real.parts(), real.peak);
    EXPECT_LE(real.peak, real.reserved);
  }
}

// Addresses are taken, pages are not.
TEST(Memory, OfANetworkThatDoesNotFitIsForetold) {
  SaehdTrainOptions o = options_of("liae-udt", 512, 512, 256, 256, 128);
  o.batch_size = 2;
  const TrainMemory memory = foretell_memory(o, 1);
  EXPECT_GT(memory.total(), size_t{24} << 30);
  int64_t parameters = 0;
  for (const PartCost& cost : step_costs(o)) parameters += cost.parameters;
  EXPECT_GE(memory.weights, static_cast<size_t>(parameters) * sizeof(float));
  EXPECT_LE(memory.weights, static_cast<size_t>(parameters) * sizeof(float) * 5 / 4);
}

TEST(Memory, ADryRunLeavesNothingBehind) {
  const size_t live = allocator_stats().live_bytes;
  foretell_memory(options_of("df", 64, 16, 8, 8, 8), 1);
  EXPECT_EQ(allocator_stats().live_bytes, live);
  EXPECT_EQ(allocator_stats().cached_bytes, 0u);
  // Whoever computes next, computes.
  EXPECT_EQ(Tensor::full({3}, 2.0f).to_host(), std::vector<float>(3, 2.0f));
}

}  // namespace
}  // namespace diptych
