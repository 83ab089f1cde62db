// A full training step against dumps of an independent PyTorch implementation that computes in
// double: losses per sample, gradients of every weight, losses and weights of three steps of both
// optimizers, and the swap after them.
// SPDX-License-Identifier: MIT
#include "tests/support/golden.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/saehd/layout.h"
#include "models/saehd/trainer.h"

namespace diptych {
namespace {

std::vector<float> read(const Safetensors& file, const std::string& name) {
  const auto it = file.entries().find(name);
  if (it == file.entries().end()) {
    ADD_FAILURE() << "the fixture has no " << name;
    return {};
  }
  const Tensor t = Tensor::empty(it->second.shape);
  file.read(name, t);
  return t.to_host();
}

class Golden : public ::testing::TestWithParam<const char*> {
 protected:
  Golden()
      : file_(Safetensors::open(std::string(DIPTYCH_SOURCE_DIR) + "/tests/golden/" + GetParam() +
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
  }

  std::unique_ptr<SaehdTrainer> make_trainer() const {
    auto trainer = std::make_unique<SaehdTrainer>(options_);
    for (const NamedParameter& p : trainer->arena().list()) {
      const Tensor& w = p.parameter->master;
      const std::vector<float> values =
          from_file_order(options_.network, p.name, w.shape(), read(file_, "w0/" + p.name));
      std::copy(values.begin(), values.end(), w.as<float>());
    }
    trainer->arena().refresh_copies();
    return trainer;
  }

  // Parameter-shaped golden values in our order.
  std::vector<float> ours(const std::string& name, const NamedParameter& p) const {
    return from_file_order(options_.network, p.name, p.parameter->master.shape(),
                           read(file_, name));
  }

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
                             actual = p.parameter->master.grad().to_host();
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

class GoldenSteps : public Golden {
 protected:
  void run(OptimizerKind kind, const std::string& name) {
    options_.optimizer.kind = kind;
    const auto trainer = make_trainer();
    const GoldenBatch batch(options_.batch_size, options_.network.resolution);
    for (int i = 1; i <= 3; ++i) {
      const SaehdStep losses = trainer->step(batch.src(), batch.dst());
      const std::string prefix = "train/" + name + "/" + std::to_string(i);
      const std::vector<float> src = read(file_, prefix + "/src_loss"),
                               dst = read(file_, prefix + "/dst_loss");
      for (size_t s = 0; s < src.size(); ++s) {
        EXPECT_NEAR(losses.src_loss[s], src[s], 1e-4f * std::abs(src[s])) << "step " << i;
        EXPECT_NEAR(losses.dst_loss[s], dst[s], 1e-4f * std::abs(dst[s])) << "step " << i;
      }
    }
    compare_weights(*trainer, "train/" + name + "/3/w/");
    if (kind == OptimizerKind::kRmsProp) compare_swap(*trainer, batch);
  }

  // Both rules divide by the gradient's own size, so an element whose gradient is rounding noise
  // can step either way by up to 3.5 rates (spec training.md 5.2). Such elements are counted and
  // must stay rare. The rest agree to 1e-5, 2 % of the 4.7e-4 that three steps move a weight: when
  // a leaky ReLU's input rounds across zero, the gradients behind it change by about a percent.
  // Which inputs do depends on the order of sums, so on the variants of conv2d that run.
  void compare_weights(SaehdTrainer& trainer, const std::string& prefix) {
    int64_t total = 0, loose = 0;
    for (const NamedParameter& p : trainer.arena().list()) {
      const std::vector<float> golden = ours(prefix + p.name, p),
                               actual = p.parameter->master.to_host();
      for (size_t i = 0; i < golden.size(); ++i) {
        const float error = std::abs(actual[i] - golden[i]);
        ++total;
        ASSERT_LE(error, 2 * 3 * 3.5f * 5e-5f) << p.name << ' ' << i;
        loose += !(error <= 1e-5f);
      }
    }
    EXPECT_LE(static_cast<double>(loose), 0.002 * static_cast<double>(total));
  }

  void compare_swap(SaehdTrainer& trainer, const GoldenBatch& batch) {
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
  run(OptimizerKind::kAdaBelief, "adabelief");
}

TEST_P(GoldenSteps, ThreeRmsPropSteps) {
  run(OptimizerKind::kRmsProp, "rmsprop");
}

const auto kName = [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
};
INSTANTIATE_TEST_SUITE_P(Peer, Golden, ::testing::Values("df", "df-ud", "liae-udt"), kName);
INSTANTIATE_TEST_SUITE_P(Peer, GoldenSteps, ::testing::Values("df", "df-ud", "liae-udt"), kName);

}  // namespace
}  // namespace diptych
