// Training against discriminators: who is trained by which term, what checkpoints keep, pretraining
// and the rules of the options.
// SPDX-License-Identifier: MIT
#include "models/saehd/adversarial.h"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "models/saehd/non_finite_loss.h"
#include "models/saehd/trainer.h"
#include "nn/init.h"
#include "tensor/ops.h"
#include "tensor/tape.h"
#include "tests/support/golden.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

SaehdTrainOptions tiny(const std::string& archi = "df-ud") {
  SaehdTrainOptions options;
  options.network.set_archi(archi);
  options.network.resolution = 64;
  options.network.ae_dims = 4;
  options.network.e_dims = 2;
  options.network.d_dims = 2;
  options.network.d_mask_dims = 2;
  options.batch_size = 1;
  return options;
}

SaehdTrainOptions adversarial() {
  SaehdTrainOptions options = tiny();
  options.adversarial = {.gan_power = 0.1f, .gan_dims = 4, .true_face_power = 0.1f};
  return options;
}

SaehdStep train(SaehdTrainer& trainer, int steps) {
  const GoldenBatch batch(1, 64, true);
  SaehdStep last;
  for (int i = 0; i < steps; ++i) last = trainer.step(batch.src(), batch.dst());
  return last;
}

// All weights of all networks, one after the other.
std::vector<float> weights(SaehdTrainer& trainer) {
  std::vector<float> all = trainer.arena().weights().to_host();
  if (!trainer.adversaries()) return all;
  for (const SaehdAdversaries::Part& part : trainer.adversaries()->parts()) {
    const auto values = part.arena->weights().to_host();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::vector<float> weights_of(SaehdTrainer& trainer, const std::string& part) {
  for (const SaehdAdversaries::Part& p : trainer.adversaries()->parts())
    if (part == p.name) return p.arena->weights().to_host();
  return {};
}

std::vector<float> values_of(SaehdTrainer& trainer, const std::string& prefix, const Tensor& flat) {
  std::vector<float> all;
  for (size_t i = 0; i < trainer.arena().list().size(); ++i) {
    if (trainer.arena().list()[i].name.rfind(prefix, 0) != 0) continue;
    const ArenaRange r = trainer.arena().range(i);
    const auto values = flat.part(r.begin, {r.end - r.begin}).to_host();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint()
      : path_((fs::path(::testing::TempDir()) /
               ::testing::UnitTest::GetInstance()->current_test_info()->name())
                  .string()) {}

  ~Checkpoint() override {
    fs::remove(path_);
    fs::remove(path_ + ".prev");
  }

  std::unique_ptr<SaehdTrainer> load(const SaehdTrainOptions& options) const {
    auto trainer = std::make_unique<SaehdTrainer>(options);
    trainer->load(path_);
    return trainer;
  }

  std::string path_;
};

std::string message(const SaehdTrainOptions& options) {
  try {
    options.validate();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(SaehdOptions, RefusesWhatDoesNotFitAndNamesTheNearest) {
  SaehdTrainOptions options = tiny();
  EXPECT_EQ(message(options), "");
  options.adversarial.gan_power = 6;
  EXPECT_EQ(message(options), "gan_power = 6 is not possible: use a number from 0 to 5, nearest 5");
  options.adversarial.gan_power = 0.1f;
  EXPECT_EQ(message(options), "");
  options.adversarial.gan_patch_size = 640;
  EXPECT_NE(message(options).find("the nearest that fits is gan_patch_size"), std::string::npos);
  options = tiny("liae");
  options.adversarial.true_face_power = 0.1f;
  EXPECT_NE(message(options).find("true_face_power = 0.1 is for df only, archi is liae"),
            std::string::npos);
  options = tiny();
  options.style.face = -1;
  EXPECT_NE(message(options).find("face_style_power = -1"), std::string::npos);
  options.style.face = NAN;
  EXPECT_NE(message(options).find("face_style_power"), std::string::npos);
}

TEST(SaehdOptions, PatchSizeFollowsTheResolution) {
  SaehdTrainOptions options = tiny();
  EXPECT_EQ(options.patch_discriminator().patch_size, 8);
  options.network.resolution = 256;
  EXPECT_EQ(options.patch_discriminator().patch_size, 32);
}

TEST(SaehdOptions, PretrainingTurnsOffWhatDisturbsIt) {
  SaehdTrainOptions options = adversarial();
  options.style = {.face = 1, .background = 1};
  options.optimizer.lr_dropout = true;
  options.random_warp = false;
  options.pretrain = true;
  const SaehdTrainOptions now = options.active();
  EXPECT_FALSE(now.adversarial.any() || now.style.any() || now.optimizer.lr_dropout);
  EXPECT_TRUE(now.random_warp);
  options.parity = SaehdParity::dfl();
  EXPECT_GT(options.active().adversarial.true_face_power, 0);
  EXPECT_FALSE(options.active().random_warp);
}

TEST(SaehdParity, DflSetsEveryQuirkOfTheList) {
  const SaehdParity none, all = SaehdParity::dfl();
  EXPECT_EQ(saehd_quirks().size(), sizeof(SaehdParity) / sizeof(bool));
  for (const SaehdQuirk& quirk : saehd_quirks()) {
    EXPECT_FALSE(none.*quirk.flag) << quirk.name;
    EXPECT_TRUE(all.*quirk.flag) << quirk.name;
  }
}

TEST(Adversarial, GeneratorTermLeavesTheDiscriminatorWithoutGradient) {
  PatchDiscriminator d({.resolution = 64, .patch_size = 8, .base_width = 4});
  const ParameterList list = d.parameters("GAN");
  nn::initialise(list, 1);
  Tensor picture = Tensor::full({1, 64, 64, 3}, 0.4f);
  picture.set_needs_grad(true);
  Tensor loss;
  {
    const Frozen frozen(list);
    loss = gan_generator_loss(d, picture, DType::kF32);
  }
  backward(std::span(&loss, 1));
  EXPECT_TRUE(picture.slot()->written());
  for (const NamedParameter& p : list) {
    EXPECT_FALSE(p.parameter->master.slot()->written()) << p.name;
    EXPECT_TRUE(p.parameter->master.needs_grad()) << p.name;
  }
}

// Spec training.md 2.3, 10: Style(a, b, r 8, W 1000), R 64, is 0.027842. Here t and s are blurred
// by R div 8 = 8 too.
TEST(Adversarial, StyleDistanceEqualsTheTestVector) {
  const auto hash = [](uint32_t j, uint32_t k) {
    uint32_t u = j * 2654435761u + k * 1013904223u + 1u;
    u ^= u >> 15;
    u *= 2246822519u;
    u ^= u >> 13;
    return static_cast<float>(u / 4294967296.0);
  };
  std::vector<float> a(64 * 64 * 3), b(a.size());
  for (uint32_t c = 0; c < 3; ++c)
    for (uint32_t p = 0; p < 64 * 64; ++p) {
      a[p * 3 + c] = hash(c * 64 * 64 + p, 1);
      b[p * 3 + c] = hash(c * 64 * 64 + p, 2);
    }
  const Shape shape{1, 64, 64, 3};
  EXPECT_NEAR(style_distance(Tensor::from(a, shape), Tensor::from(b, shape), 1000).item(), 0.027842,
              2e-5);
}

TEST(Adversarial, FaceStyleTrainsTheDecoderAlone) {
  SaehdTrainer trainer(tiny());
  Saehd& net = trainer.network();
  clear_tape();
  trainer.arena().begin_step();
  const GoldenBatch batch(2, 64, true);
  const Tensor x = Tensor::full({2, 64, 64, 3}, 0.3f);
  const Saehd::Reconstruction out = net.reconstruct(x, true);
  const Tensor code = out.swap_code.detach();
  const StyleInputs in{.swap_for_face = net.swap_picture(code),
                       .swap_mask = net.swap_mask(code),
                       .dst = out.dst,
                       .dst_mask = out.dst_mask};
  const Tensor loss = style_loss(in, {.face = 10}, {});
  backward(std::span(&loss, 1));
  for (const NamedParameter& p : trainer.arena().list()) {
    const bool trained = p.name.rfind("decoder_src/", 0) == 0 &&
                         p.name.find("upscalem") == std::string::npos &&
                         p.name.find("out_convm") == std::string::npos;
    EXPECT_EQ(p.parameter->master.slot()->written(), trained) << p.name;
  }
}

TEST(Adversarial, TrueFaceTrainsEncoderAndInter) {
  SaehdTrainer trainer(tiny());
  clear_tape();
  trainer.arena().begin_step();
  const Tensor x = Tensor::full({2, 64, 64, 3}, 0.3f);
  const Saehd::Reconstruction out = trainer.network().reconstruct(x);
  CodeDiscriminator c({.channels = 4, .side = 4});
  nn::initialise(c.parameters("c"), 3);
  const Frozen frozen(c.parameters("c"));
  const Tensor loss = true_face_generator_loss(c, out.src_code);
  backward(std::span(&loss, 1));
  for (const NamedParameter& p : trainer.arena().list())
    EXPECT_EQ(p.parameter->master.slot()->written(), p.name.rfind("decoder", 0) != 0) << p.name;
}

// Plain descent along the gradient of its loss.
TEST(Adversarial, TheDiscriminatorLearnsToTellPicturesApart) {
  PatchDiscriminator d({.resolution = 32, .patch_size = 8, .base_width = 4});
  const ParameterList list = d.parameters("GAN");
  nn::initialise(list, 1);
  std::vector<float> noise(32 * 32 * 3);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = golden_uniform(1, i);
  const Tensor real = Tensor::from(noise, {1, 32, 32, 3}),
               fake = Tensor::full({1, 32, 32, 3}, 0.5f);
  float first = 0, last = 0;
  for (int step = 0; step < 30; ++step) {
    for (const NamedParameter& p : list) p.parameter->master.slot()->reset();
    const Tensor loss = gan_discriminator_loss(d, real, fake, DType::kF32);
    last = loss.item();
    if (step == 0) first = last;
    backward(std::span(&loss, 1));
    for (const NamedParameter& p : list) {
      const Tensor& w = p.parameter->master;
      const std::vector<float> g = w.grad().to_host();
      for (size_t i = 0; i < g.size(); ++i) w.as<float>()[i] -= 0.1f * g[i];
    }
  }
  EXPECT_LT(last, 0.97f * first);
}

TEST(Adversarial, ADiscriminatorThatBrokeIsNamed) {
  SaehdTrainer trainer(adversarial());
  const ParamArena& arena = *trainer.adversaries()->parts()[0].arena;
  arena.weights().as<float>()[0] = NAN;
  try {
    train(trainer, 1);
    FAIL() << "no error";
  } catch (const NonFiniteLoss& e) {
    EXPECT_EQ(e.samples()[0].term, "gan");
  }
}

TEST(Adversarial, SameBitsFromTheSameSeed) {
  SaehdTrainOptions options = adversarial();
  options.style = {.face = 1, .background = 1};
  SaehdTrainer a(options), b(options);
  train(a, 2);
  train(b, 2);
  EXPECT_EQ(weights(a), weights(b));
}

// Everything that pulls at the generator at once, with the dropout of updates: it neither breaks
// nor forgets what it is for, and neither discriminator runs away.
TEST(Adversarial, TwentyStepsOfEverythingStayWell) {
  for (const char* archi : {"df-ud", "liae"}) {
    SCOPED_TRACE(archi);
    SaehdTrainOptions options = tiny(archi);
    const bool df = !options.network.liae;
    options.adversarial = {.gan_power = 0.5f, .gan_dims = 4, .true_face_power = df ? 0.1f : 0.0f};
    options.style = {.face = 10, .background = 10};
    options.optimizer.lr_dropout = true;
    options.optimizer.learning_rate = 5e-4f;
    SaehdTrainer trainer(options);
    const SaehdStep first = train(trainer, 1);
    const GoldenBatch batch(1, 64, true);
    SaehdStep last;
    for (int i = 1; i < 20; ++i) {
      last = trainer.step(batch.src(), batch.dst());
      EXPECT_EQ(last.health.non_finite, 0) << i;
      EXPECT_LT(last.health.src.saturated, 0.5) << i;
      EXPECT_LT(last.health.dst.saturated, 0.5) << i;
      // Two maps of log 2 each for a discriminator that knows nothing.
      EXPECT_LT(last.gan_discriminator[0], 4) << i;
      EXPECT_LT(last.gan[0], 8) << i;
      if (df) {
        EXPECT_LT(last.true_face_discriminator[0], 2) << i;
      }
    }
    EXPECT_LT(last.src_loss[0], first.src_loss[0]);
    EXPECT_LT(last.dst_loss[0], first.dst_loss[0]);
  }
}

TEST_F(Checkpoint, ResumesAllNetworksToTheBit) {
  SaehdTrainer whole(adversarial());
  train(whole, 2);
  whole.save(path_, {});
  const auto resumed = load(adversarial());
  EXPECT_EQ(weights(whole), weights(*resumed));
  train(whole, 2);
  train(*resumed, 2);
  EXPECT_EQ(weights(whole), weights(*resumed));
}

TEST_F(Checkpoint, KeepsDiscriminatorsThatAreOffForAWhile) {
  SaehdTrainer first(adversarial());
  train(first, 2);
  first.save(path_, {});
  const auto without = load(tiny());
  train(*without, 1);
  without->save(path_, {});
  const auto again = load(adversarial());
  EXPECT_EQ(weights_of(*again, "GAN"), weights_of(first, "GAN"));
  EXPECT_EQ(again->adversaries()->parts()[0].optimizer->steps(), 2);
  EXPECT_EQ(again->iteration(), 3);
}

TEST_F(Checkpoint, AnotherShapeOfDiscriminatorStartsAfresh) {
  SaehdTrainer first(adversarial());
  train(first, 2);
  first.save(path_, {});
  SaehdTrainOptions wider = adversarial();
  wider.adversarial.gan_dims = 6;
  SaehdTrainer fresh(wider);
  const auto loaded = load(wider);
  EXPECT_EQ(weights_of(*loaded, "GAN"), weights_of(fresh, "GAN"));
  EXPECT_EQ(loaded->adversaries()->parts()[0].optimizer->steps(), 0);
  EXPECT_EQ(loaded->arena().weights().to_host(), first.arena().weights().to_host());
}

TEST_F(Checkpoint, PretrainingEndsWithFreshInters) {
  SaehdTrainOptions options = adversarial();
  options.pretrain = true;
  SaehdTrainer pretrained(options);
  EXPECT_EQ(pretrained.adversaries(), nullptr);
  train(pretrained, 2);
  pretrained.save(path_, {});
  EXPECT_FALSE(load(options)->pretraining_ended());

  for (const bool parity : {false, true}) {
    options.pretrain = false;
    options.parity.inters_keep_moments_after_pretraining = parity;
    const auto next = load(options);
    EXPECT_TRUE(next->pretraining_ended());
    EXPECT_EQ(next->iteration(), 0);
    const Tensor &old = pretrained.arena().weights(), &now = next->arena().weights();
    EXPECT_NE(values_of(*next, "inter/", now), values_of(pretrained, "inter/", old));
    EXPECT_EQ(values_of(*next, "encoder/", now), values_of(pretrained, "encoder/", old));
    EXPECT_EQ(values_of(*next, "decoder_src/", now), values_of(pretrained, "decoder_src/", old));
    double moments = 0;
    for (const float m : values_of(*next, "inter/", next->optimizer().moments()[0].values))
      moments += std::abs(m);
    EXPECT_EQ(moments > 0, parity);
  }
}

TEST(Pretraining, TrainsBothIntersOfLiae) {
  for (const bool parity : {false, true}) {
    SaehdTrainOptions options = tiny("liae");
    options.pretrain = true;
    options.parity.pretraining_freezes_inter_ab = parity;
    SaehdTrainer trainer(options);
    const auto before = values_of(trainer, "inter_AB/", trainer.arena().weights());
    train(trainer, 1);
    EXPECT_EQ(values_of(trainer, "inter_AB/", trainer.arena().weights()) == before, parity);
  }
}

}  // namespace
}  // namespace diptych
