// Training steps with discriminators and style terms against dumps of an independent implementation
// in double (tests/golden/make_adversarial.py): losses per sample, gradients of all networks,
// losses and weights of three steps.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>

#include "models/saehd/layout.h"
#include "models/saehd/trainer.h"
#include "tests/support/arena_lists.h"
#include "tests/support/golden.h"
#include "tests/support/update_rule.h"

namespace diptych {
namespace {

// The engine under test: DIPTYCH_TEST_ENGINE, or cpu.
Engine engine_under_test() {
  const char* const name = std::getenv("DIPTYCH_TEST_ENGINE");
  return name ? engine_from(name) : Engine::kCpu;
}

// One network's arena.
struct Part {
  ParamArena* arena;
  std::vector<ArenaLists> gradients;  // of each step
};

class AdversarialGolden : public ::testing::TestWithParam<const char*> {
 protected:
  AdversarialGolden()
      : stream_(engine_under_test()),
        guard_(stream_),
        file_(Safetensors::open(std::string(DIPTYCH_SOURCE_DIR) + "/tests/golden/" + GetParam() +
                                ".safetensors")) {
    const auto text = [&](const char* key) { return file_.metadata().at(key); };
    const auto number = [&](const char* key) { return std::stoi(text(key)); };
    const auto real = [&](const char* key) { return std::stof(text(key)); };
    options_.network.set_archi(text("arch"));
    options_.network.resolution = number("res");
    options_.network.ae_dims = number("ae");
    options_.network.e_dims = number("e");
    options_.network.d_dims = number("d");
    options_.network.d_mask_dims = number("dm");
    options_.batch_size = number("batch");
    options_.loss.eyes_mouth_prio = text("eyes_mouth") == "True";
    options_.loss.blur_out_mask = text("blur_out") == "True";
    options_.adversarial = {.gan_power = real("gan"),
                            .gan_patch_size = number("gan_patch"),
                            .gan_dims = number("gan_dims"),
                            .true_face_power = real("true_face")};
    options_.style = {.face = real("face_style"), .background = real("bg_style")};
    options_.optimizer.kind =
        text("optimizer") == "rmsprop" ? OptimizerKind::kRmsProp : OptimizerKind::kAdaBelief;
    if (text("rules") == "dfl") options_.parity = SaehdParity::dfl();
    trainer_ = std::make_unique<SaehdTrainer>(options_);
    parts_.push_back({&trainer_->arena(), {}});
    for (const SaehdAdversaries::Part& part : trainer_->adversaries()->parts())
      parts_.push_back({part.arena, {}});
    for (const Part& part : parts_) {
      for (const NamedParameter& p : part.arena->list())
        p.parameter->set_values(Tensor::from(ours("w0/" + p.name, p), p.parameter->shape));
      part.arena->refresh_copies();
    }
  }

  std::vector<float> read(const std::string& name) const {
    const auto it = file_.entries().find(name);
    if (it == file_.entries().end()) {
      ADD_FAILURE() << "the fixture has no " << name;
      return {};
    }
    const Tensor t = Tensor::empty(it->second.shape, DType::kF32, Place::kHost);
    file_.read(name, t);
    return t.to_host();
  }

  // Parameter-shaped golden values in our order.
  std::vector<float> ours(const std::string& name, const NamedParameter& p) const {
    return from_file_order(options_.network, p.name, p.parameter->shape, read(name));
  }

  // bound: relative. Later steps carry what rounding made of the weights before.
  void expect_losses(const SaehdStep& step, int number, float bound) const {
    const std::pair<const char*, const std::vector<float>*> terms[] = {
        {"src", &step.src_loss},
        {"dst", &step.dst_loss},
        {"gan", &step.gan},
        {"true_face", &step.true_face},
        {"gan_discriminator", &step.gan_discriminator},
        {"true_face_discriminator", &step.true_face_discriminator}};
    for (const auto& [name, values] : terms) {
      const std::string key = "train/" + std::to_string(number) + "/" + name;
      ASSERT_EQ(values->empty(), !file_.has(key)) << key;
      if (values->empty()) continue;
      const std::vector<float> golden = read(key);
      for (size_t i = 0; i < golden.size(); ++i)
        EXPECT_NEAR((*values)[i], golden[i], bound * std::abs(golden[i])) << key << ' ' << i;
    }
  }

  SaehdStep step() {
    const GoldenBatch batch(options_.batch_size, options_.network.resolution);
    const SaehdStep result = trainer_->step(batch.src(), batch.dst());
    for (Part& part : parts_)
      part.gradients.push_back(lists_of(*part.arena, part.arena->gradients()));
    return result;
  }

  Stream stream_;
  StreamGuard guard_;
  Safetensors file_;
  SaehdTrainOptions options_;
  std::unique_ptr<SaehdTrainer> trainer_;
  std::vector<Part> parts_;
};

TEST_P(AdversarialGolden, LossesOfTheFirstStep) {
  expect_losses(step(), 1, 2e-5f);  // as in golden_test.cpp
}

TEST_P(AdversarialGolden, GradientsOfAllNetworks) {
  step();
  for (const Part& part : parts_) {
    for (size_t k = 0; k < part.arena->list().size(); ++k) {
      const NamedParameter& p = part.arena->list()[k];
      const std::vector<float> golden = ours("grad/" + p.name, p);
      double scale = 0, error = 0;
      for (size_t i = 0; i < golden.size(); ++i) {
        scale = std::max(scale, std::abs(static_cast<double>(golden[i])));
        const double off = std::abs(static_cast<double>(golden[i]) - part.gradients[0][k][i]);
        error = off <= error ? error : off;  // a NaN sticks
      }
      // Rounding, or an activation on the other side of its kink: see golden_test.cpp.
      EXPECT_LE(error, 2e-3 * scale + 1e-7) << p.name << " scale " << scale;
    }
  }
}

// Losses of the later steps hold the updates of generator and discriminators to account; so do the
// weights, as far as the error of a gradient explains where they stand (update_rule.h). Two
// activations on the other side of their kinks: generator and discriminator in a row have more of
// them than the network alone.
TEST_P(AdversarialGolden, ThreeSteps) {
  for (int i = 1; i <= 3; ++i) expect_losses(step(), i, 1e-4f);
  for (const Part& part : parts_) {
    const ArenaLists weights = lists_of(*part.arena, part.arena->weights());
    for (size_t k = 0; k < part.arena->list().size(); ++k) {
      const NamedParameter& p = part.arena->list()[k];
      const std::vector<float> golden = ours("train/3/w/" + p.name, p);
      double scale[3] = {};
      for (size_t t = 0; t < 3; ++t) {
        for (size_t i = 0; i < golden.size(); ++i)
          scale[t] = std::max(scale[t], std::abs(static_cast<double>(part.gradients[t][k][i])));
      }
      int64_t wrong = 0;
      for (size_t i = 0; i < golden.size(); ++i) {
        UpdatedWeight w({.kind = options_.optimizer.kind}, golden[i]);
        for (size_t t = 0; t < 3; ++t) w.step(part.gradients[t][k][i], 4e-3 * scale[t]);
        const double off = std::abs(static_cast<double>(weights[k][i]) - golden[i]);
        wrong += !(off <= w.error() + 4 * 0x1p-24 * (std::abs(golden[i]) + w.path()));
      }
      EXPECT_EQ(wrong, 0) << p.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Peer,
                         AdversarialGolden,
                         ::testing::Values("df-ud-adversarial", "liae-adversarial-dfl"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace diptych
