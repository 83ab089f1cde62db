// A full training step against dumps of an independent PyTorch implementation that computes in
// double: losses per sample, gradients of every weight, losses and weights of three steps of both
// optimizers, and the swap after them.
// SPDX-License-Identifier: MIT
#include "tests/support/golden.h"

#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>

#include "models/saehd/layout.h"
#include "models/saehd/trainer.h"
#include "tensor/allocator.h"
#include "tests/parity/step_check.h"
#include "tests/support/arena_lists.h"
#include "tests/support/update_rule.h"

namespace diptych {
namespace {

std::vector<float> read(const Safetensors& file, const std::string& name) {
  const auto it = file.entries().find(name);
  if (it == file.entries().end()) {
    ADD_FAILURE() << "the fixture has no " << name;
    return {};
  }
  const Tensor t = Tensor::empty(it->second.shape, DType::kF32, Place::kHost);
  file.read(name, t);
  return t.to_host();
}

// The engine under test: DIPTYCH_TEST_ENGINE, or cpu.
Engine engine_under_test() {
  const char* const name = std::getenv("DIPTYCH_TEST_ENGINE");
  return name ? engine_from(name) : Engine::kCpu;
}

class Golden : public ::testing::TestWithParam<const char*> {
 protected:
  Golden()
      : stream_(engine_under_test()),
        guard_(stream_),
        file_(Safetensors::open(std::string(DIPTYCH_SOURCE_DIR) + "/tests/golden/" + GetParam() +
                                ".safetensors")) {
    const auto number = [&](const char* key) { return std::stoi(file_.metadata().at(key)); };
    options_.network.set_archi(file_.metadata().at("arch"));
    options_.network.resolution = number("res");
    options_.network.ae_dims = number("ae");
    options_.network.e_dims = number("e");
    options_.network.d_dims = number("d");
    options_.network.d_mask_dims = number("dm");
    options_.batch_size = number("batch");
    options_.loss.masked_training = file_.metadata().at("masked") == "True";
    options_.loss.eyes_mouth_prio = file_.metadata().at("eyes_mouth") == "True";
    options_.parity.blur_fades_at_border = true;  // the dumps are of the original's rule
  }

  void TearDown() override { check_guard_bands(); }

  std::unique_ptr<SaehdTrainer> make_trainer() const {
    auto trainer = std::make_unique<SaehdTrainer>(options_);
    for (const NamedParameter& p : trainer->arena().list()) {
      p.parameter->set_values(Tensor::from(ours("w0/" + p.name, p), p.parameter->shape));
    }
    trainer->arena().refresh_copies();
    return trainer;
  }

  // Parameter-shaped golden values in our order.
  std::vector<float> ours(const std::string& name, const NamedParameter& p) const {
    return from_file_order(options_.network, p.name, p.parameter->shape, read(file_, name));
  }

  Stream stream_;
  StreamGuard guard_;
  Safetensors file_;
  SaehdTrainOptions options_;
};

// Losses are sums of about 1e4 f32 terms taken as means: a few units of 2^-24 times log2 of the
// count, times the weights 10 and 300 of the terms, which are already in the value.
void expect_losses(const std::vector<float>& actual, const std::vector<float>& golden) {
  ASSERT_EQ(actual.size(), golden.size());
  for (size_t i = 0; i < golden.size(); ++i)
    EXPECT_NEAR(actual[i], golden[i], 2e-5f * std::abs(golden[i])) << i;
}

TEST_P(Golden, LossesPerSample) {
  const auto trainer = make_trainer();
  const GoldenBatch batch(options_.batch_size, options_.network.resolution);
  const SaehdStep losses = trainer->forward_backward(batch.src(), batch.dst());
  expect_losses(losses.src_loss, read(file_, "loss/src"));
  expect_losses(losses.dst_loss, read(file_, "loss/dst"));
}

TEST_P(Golden, GradientsOfEveryWeight) {
  const auto trainer = make_trainer();
  const GoldenBatch batch(options_.batch_size, options_.network.resolution);
  trainer->forward_backward(batch.src(), batch.dst());
  for (const NamedParameter& p : trainer->arena().list()) {
    const std::vector<float> golden = ours("grad/" + p.name, p),
                             actual = p.parameter->strip(p.parameter->master.grad()).to_host();
    double scale = 0, error = 0;
    for (size_t i = 0; i < golden.size(); ++i) {
      scale = std::max(scale, std::abs(static_cast<double>(golden[i])));
      const double difference = std::abs(static_cast<double>(golden[i]) - actual[i]);
      error = difference <= error ? error : difference;  // a NaN sticks
    }
    // About twenty layers deep, each adding a few roundings relative to the largest gradient of the
    // tensor.
    EXPECT_LE(error, 5e-4 * scale + 1e-7) << p.name << " scale " << scale;
  }
}

// The exact lane of the parity tests against an implementation that shares nothing with it: equal
// but for the f32 that the dumps are stored in. And the engine within the bounds that come from it.
class GoldenLanes : public Golden {
 protected:
  parity::LaneSaehd lanes_of(const ParamArena& arena) const {
    return {options_.network, arena, {}, BlurBorder::kZeros};
  }

  // Parameter by parameter as the arena stores them, and file order undone.
  std::vector<float> gradients(const ParamArena& arena) const {
    std::vector<float> result(static_cast<size_t>(arena.size()));
    for (size_t k = 0; k < arena.list().size(); ++k) {
      const NamedParameter& p = arena.list()[k];
      const std::vector<float> stored =
          p.parameter->pad(Tensor::from(ours("grad/" + p.name, p), p.parameter->shape)).to_host();
      std::copy(stored.begin(), stored.end(), result.begin() + arena.range(k).begin);
    }
    return result;
  }
};

TEST_P(GoldenLanes, TheExactLaneIsThePeers) {
  const auto trainer = make_trainer();
  const ParamArena& arena = trainer->arena();
  const GoldenBatch batch(options_.batch_size, options_.network.resolution);
  const parity::LaneResult lanes =
      lanes_of(arena).step(arena.weights().to_host(), batch.src(), batch.dst());
  std::vector<float> losses = read(file_, "loss/src");
  for (const float loss : read(file_, "loss/dst")) losses.push_back(loss);
  ASSERT_EQ(losses.size(), lanes.losses.size());
  for (size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(lanes.losses[i][0], losses[i], 0x1p-24 * losses[i]);
  const std::vector<float> golden = gradients(arena);
  double worst = 0;  // in f32 roundings; sums in double are good to far less than 1e-12
  for (size_t i = 0; i < golden.size(); ++i)
    worst = std::max(worst, std::abs(lanes.gradients[i][0] - golden[i]) /
                                (0x1p-24 * std::abs(golden[i]) + 1e-12));
  EXPECT_LE(worst, 1);
}

TEST_P(GoldenLanes, TheEngineIsWithinTheirBounds) {
  const auto trainer = make_trainer();
  const ParamArena& arena = trainer->arena();
  const GoldenBatch batch(options_.batch_size, options_.network.resolution);
  const parity::LaneSaehd saehd = lanes_of(arena);
  const parity::StepBounds bounds(saehd, arena, arena.weights().to_host(), batch.src(),
                                  batch.dst());
  const SaehdStep step = trainer->forward_backward(batch.src(), batch.dst());
  std::vector<float> losses = step.src_loss;
  losses.insert(losses.end(), step.dst_loss.begin(), step.dst_loss.end());
  const parity::Verdict v = bounds.check_gradients(losses, arena.gradients().to_host());
  EXPECT_EQ(v.wrong(), 0) << v.first;
}

// Errors of a gradient relative to the largest of its tensor. Rounding: measured below 5e-6. When a
// leaky ReLU's input rounds across zero, everything behind that activation sees one position of its
// sums with another slope: measured 1.2e-3. Which inputs do depends on the order of sums, so on the
// machine.
constexpr double kRounding = 2e-5, kFlippedActivation = 2e-3;

class GoldenSteps : public Golden {
 protected:
  // Three steps, whose losses are compared on the way; the gradients of each.
  std::vector<ArenaLists> run(SaehdTrainer& trainer, const std::string& name) const {
    const GoldenBatch batch(options_.batch_size, options_.network.resolution);
    std::vector<ArenaLists> gradients;
    for (int i = 1; i <= 3; ++i) {
      const SaehdStep losses = trainer.step(batch.src(), batch.dst());
      gradients.push_back(lists_of(trainer.arena(), trainer.arena().gradients()));
      const std::string prefix = "train/" + name + "/" + std::to_string(i);
      const std::vector<float> src = read(file_, prefix + "/src_loss"),
                               dst = read(file_, prefix + "/dst_loss");
      for (size_t s = 0; s < src.size(); ++s) {
        EXPECT_NEAR(losses.src_loss[s], src[s], 1e-4f * std::abs(src[s])) << "step " << i;
        EXPECT_NEAR(losses.dst_loss[s], dst[s], 1e-4f * std::abs(dst[s])) << "step " << i;
      }
    }
    return gradients;
  }

  struct Agreement {
    int tensors = 0;
    int rounding_apart = 0;  // tensors whose weights all agree as far as rounding lets them
    int64_t wrong = 0;       // weights farther off than any flipped activation puts them
    std::string first_wrong;
  };

  // A weight may be off by what its gradients' errors explain, see update_rule.h, and by the f32
  // rounding of the weight and of each move.
  Agreement compare_weights(const ParamArena& arena,
                            OptimizerKind kind,
                            const std::vector<ArenaLists>& gradients,
                            const ArenaLists& weights) const {
    Agreement result;
    for (size_t k = 0; k < arena.list().size(); ++k) {
      const NamedParameter& p = arena.list()[k];
      const std::vector<float> golden = ours("train/" + name_of(kind) + "/3/w/" + p.name, p);
      double scale[3] = {};  // largest gradient of the tensor, per step
      for (size_t t = 0; t < 3; ++t) {
        for (size_t i = 0; i < golden.size(); ++i)
          scale[t] = std::max(scale[t], std::abs(static_cast<double>(gradients[t][k][i])));
      }
      bool rounding = true;
      for (size_t i = 0; i < golden.size(); ++i) {
        const double off = std::abs(static_cast<double>(weights[k][i]) - golden[i]);
        const auto explained = [&](double gradient_error) {
          UpdatedWeight w({.kind = kind}, golden[i]);
          for (size_t t = 0; t < 3; ++t) w.step(gradients[t][k][i], gradient_error * scale[t]);
          return off <= w.error() + 4 * 0x1p-24 * (std::abs(golden[i]) + w.path());
        };
        rounding = rounding && explained(kRounding);
        if (explained(kFlippedActivation)) continue;
        if (++result.wrong == 1) result.first_wrong = p.name + " " + std::to_string(i);
      }
      ++result.tensors;
      result.rounding_apart += rounding;
    }
    return result;
  }

  void expect_golden_weights(OptimizerKind kind) {
    options_.optimizer.kind = kind;
    const auto trainer = make_trainer();
    const auto gradients = run(*trainer, name_of(kind));
    const Agreement agreement = compare_weights(
        trainer->arena(), kind, gradients, lists_of(trainer->arena(), trainer->arena().weights()));
    EXPECT_EQ(agreement.wrong, 0) << "first: " << agreement.first_wrong;
    // A flip reaches what lies behind it. Even with one at the end of each colour decoder, the mask
    // branches and the last layers, a third of all tensors, see none.
    EXPECT_GE(4 * agreement.rounding_apart, agreement.tensors);
    if (kind == OptimizerKind::kRmsProp) compare_swap(*trainer);
  }

  // What another rule would have made of the same gradients.
  static ArenaLists replay(const UpdateRule& rule,
                           const ArenaLists& start,
                           const std::vector<ArenaLists>& gradients) {
    ArenaLists result = start;
    for (size_t k = 0; k < start.size(); ++k) {
      for (size_t i = 0; i < start[k].size(); ++i) {
        UpdatedWeight w(rule, start[k][i]);
        for (const ArenaLists& g : gradients) w.step(g[k][i], 0);
        result[k][i] = static_cast<float>(w.value());
      }
    }
    return result;
  }

  void expect_wrong_rules_to_fail(OptimizerKind kind) {
    options_.optimizer.kind = kind;
    const auto trainer = make_trainer();
    const ParamArena& arena = trainer->arena();
    const ArenaLists start = lists_of(arena, arena.weights());
    const auto gradients = run(*trainer, name_of(kind));
    const auto wrong = [&](const UpdateRule& rule) {
      return compare_weights(arena, kind, gradients, replay(rule, start, gradients)).wrong;
    };
    EXPECT_EQ(wrong({.kind = kind}), 0);
    EXPECT_GT(wrong({.kind = kind, .rate = 1.01 * 5e-5}), 0);
    EXPECT_GT(wrong({.kind = kind, .rho = 0.91, .beta1 = 0.91}), 0);
    EXPECT_GT(wrong({.kind = kind, .rho = 0.91, .beta2 = 0.998}), 0);
    EXPECT_GT(wrong({.kind = kind, .epsilon_under_root = true}), 0);
  }

  static std::string name_of(OptimizerKind kind) {
    return kind == OptimizerKind::kAdaBelief ? "adabelief" : "rmsprop";
  }

  void compare_swap(SaehdTrainer& trainer) {
    const GoldenBatch batch(options_.batch_size, options_.network.resolution);
    const SaehdSide dst = batch.dst();
    const Tensor x = Tensor::from(
        {static_cast<const float*>(dst.warped.data), static_cast<size_t>(dst.warped.shape.numel())},
        dst.warped.shape);
    const Saehd::Swap swap = trainer.network().swap(x);
    compare_nchw(swap.face, read(file_, "merge_after_train/src_dst"));
    compare_nchw(swap.mask, read(file_, "merge_after_train/src_mask"));
    compare_nchw(swap.dst_mask, read(file_, "merge_after_train/dst_mask"));
  }

  static void compare_nchw(const Tensor& nhwc, const std::vector<float>& nchw) {
    const std::vector<float> actual = nhwc.to_host();
    ASSERT_EQ(actual.size(), nchw.size());
    const auto n = static_cast<size_t>(nhwc.shape()[0]), c = static_cast<size_t>(nhwc.shape()[3]);
    const size_t pixels = actual.size() / n / c;
    double worst = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      const size_t sample = i / (pixels * c), pixel = i / c % pixels, channel = i % c;
      const double error =
          std::abs(static_cast<double>(actual[i]) - nchw[(sample * c + channel) * pixels + pixel]);
      worst = error <= worst ? worst : error;
    }
    EXPECT_LE(worst, 2e-4);
  }
};

TEST_P(GoldenSteps, ThreeAdaBeliefSteps) {
  expect_golden_weights(OptimizerKind::kAdaBelief);
}

TEST_P(GoldenSteps, ThreeRmsPropSteps) {
  expect_golden_weights(OptimizerKind::kRmsProp);
}

TEST_P(GoldenSteps, NoOtherAdaBeliefRulePasses) {
  expect_wrong_rules_to_fail(OptimizerKind::kAdaBelief);
}

TEST_P(GoldenSteps, NoOtherRmsPropRulePasses) {
  expect_wrong_rules_to_fail(OptimizerKind::kRmsProp);
}

const auto kName = [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
};
INSTANTIATE_TEST_SUITE_P(Peer, Golden, ::testing::Values("df", "df-ud", "liae-udt"), kName);
INSTANTIATE_TEST_SUITE_P(Peer, GoldenLanes, ::testing::Values("df", "liae-udt"), kName);
INSTANTIATE_TEST_SUITE_P(Peer, GoldenSteps, ::testing::Values("df", "df-ud", "liae-udt"), kName);

}  // namespace
}  // namespace diptych
