// The training step of SAEHD.
// SPDX-License-Identifier: MIT
#include "models/saehd/trainer.h"

#include <cmath>

#include "models/saehd/non_finite_loss.h"
#include "nn/init.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

void check_finite(const SaehdStep& losses, int64_t iteration) {
  std::string bad;
  std::vector<NonFiniteSample> samples;
  const auto scan = [&](const char* side, const std::vector<float>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      bad += str(bad.empty() ? "" : ", ", side, " sample ", i, " (", values[i], ")");
      samples.push_back({side, i, values[i]});
    }
  };
  scan("src", losses.src_loss);
  scan("dst", losses.dst_loss);
  if (bad.empty()) return;
  clear_tape();
  throw NonFiniteLoss(
      str("iteration ", iteration, ": the loss is not finite for ", bad,
          ". The weights were not updated and the last checkpoint is untouched; go back to it with "
          "a lower learning rate, or look at these faces"),
      samples);
}

int checked_batch(const SaehdTrainOptions& options) {
  DIPTYCH_CHECK(options.batch_size >= 1, "SaehdTrainer: batch_size = ", options.batch_size,
                ", expected 1 or more");
  return options.batch_size;
}

}  // namespace

SaehdTrainer::SaehdTrainer(const SaehdTrainOptions& options)
    : options_(options),
      network_(std::make_unique<Saehd>(options.network)),
      batch_(checked_batch(options), options.network.resolution, options.loss.eyes_mouth_prio) {
  nn::initialise(network_->parameters(), options.seed);
  arena_ = std::make_unique<ParamArena>(network_->parameters(), options.dtype);
  optimizer_ = std::make_unique<Optimizer>(*arena_, options.optimizer);
  health_ = Tensor::full({2 * int64_t{options.batch_size}}, 0.0f);
  probe_ = std::make_unique<HealthProbe>(*arena_, health_.numel());
}

void SaehdTrainer::compute_losses() {
  clear_tape();
  arena_->begin_step();
  const Saehd::Reconstruction out = network_->reconstruct(cast(batch_.warped(), options_.dtype));
  const auto side_loss = [&](const SaehdBatch::Side& side, const Tensor& picture,
                             const Tensor& mask) {
    return reconstruction_loss(side.target, picture, side.mask, mask, side.eyes_mouth,
                               options_.loss)
        .loss;
  };
  losses_[0] = side_loss(batch_.src(), out.src, out.src_mask);
  losses_[1] = side_loss(batch_.dst(), out.dst, out.dst_mask);
  const int64_t n = options_.batch_size;
  for (int64_t side = 0; side < 2; ++side)
    health_.part(side * n, {n}).copy_from(losses_[side].detach());
  probe_->losses(health_);
  probe_->outputs(out.src, out.dst);
}

// Seeds are ones: gradients of the sum over the batch, as the original takes them.
void SaehdTrainer::compute_gradients() {
  backward(losses_);
  for (Tensor& loss : losses_) loss = Tensor();
  arena_->finish_gradients();
  probe_->gradients();
}

SaehdStep SaehdTrainer::checked(std::vector<float> values) const {
  const auto half = values.begin() + options_.batch_size;
  SaehdStep losses{{values.begin(), half}, {half, values.end()}};
  check_finite(losses, iteration() + 1);
  return losses;
}

void SaehdTrainer::read_health(SaehdStep& step, const std::vector<float>& values) const {
  step.health = probe_->read(values);
  const std::string block = broken_block(step.health);
  if (block.empty()) return;
  throw NonFiniteLoss(str("iteration ", iteration() + 1, ": the gradient of ", block,
                          " is not finite. The weights were not updated"),
                      {});
}

SaehdStep SaehdTrainer::forward_backward(const SaehdSide& src, const SaehdSide& dst) {
  batch_.load(src, dst);
  compute_losses();
  SaehdStep losses = checked(health_.to_host());
  compute_gradients();
  read_health(losses, probe_->values().to_host());
  return losses;
}

void SaehdTrainer::update() {
  const OpTimer timer("optimizer");
  if (options_.network.liae && !options_.random_warp) {
    optimizer_->apply(
        arena_->ranges([](const std::string& name) { return name.rfind("inter_AB/", 0) != 0; }),
        probe_->values());
  } else {
    optimizer_->apply({{0, arena_->size()}}, probe_->values());
  }
}

// The whole step without a word from the host: a loss that is not finite closes the optimizer's
// gate on the device, and the host finds it afterwards.
void SaehdTrainer::step_on_device() {
  const auto work = [this] {
    if (source_) source_(batch_);
    compute_losses();
    compute_gradients();
    update();
  };
  if (!options_.graph || !warm_) {
    work();
  } else {
    if (!graph_) graph_ = std::make_unique<StepGraph>(work);
    graph_->run();
  }
  warm_ = true;
}

void SaehdTrainer::set_source(Source source) {
  DIPTYCH_CHECK(current_stream().on_device() && submitted_ == collected_,
                "SaehdTrainer::set_source: needs a device engine and no step under way; ",
                in_flight(), " are");
  source_ = std::move(source);
  graph_.reset();
  while (slots_.size() < kInFlight) {
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->losses = device::pinned(health_.bytes());
    slots_.back()->health = device::pinned(probe_->values().bytes());
  }
}

void SaehdTrainer::submit() {
  DIPTYCH_CHECK(source_ && in_flight() < kInFlight, "SaehdTrainer::submit: ",
                source_ ? "too many steps wait to be collected" : "there is no source of samples");
  step_on_device();
  Slot& slot = *slots_[static_cast<size_t>(submitted_ % kInFlight)];
  const CudaStream stream = current_stream().cuda();
  device::start_download(stream, slot.losses.get(), health_.data(), health_.bytes());
  const Tensor& health = probe_->values();
  device::start_download(stream, slot.health.get(), health.data(), health.bytes());
  slot.copied.record(stream);
  ++submitted_;
}

SaehdStep SaehdTrainer::collect() {
  DIPTYCH_CHECK(in_flight() > 0, "SaehdTrainer::collect: no step was submitted");
  Slot& slot = *slots_[static_cast<size_t>(collected_ % kInFlight)];
  slot.copied.wait();
  ++collected_;
  const auto* const values = static_cast<const float*>(slot.losses.get());
  SaehdStep losses = checked({values, values + health_.numel()});
  const auto* const health = static_cast<const float*>(slot.health.get());
  read_health(losses, {health, health + probe_->values().numel()});
  optimizer_->count();
  return losses;
}

// A recorded step has the old rate in it: the next one is recorded anew.
void SaehdTrainer::set_learning_rate(float rate) {
  DIPTYCH_CHECK(in_flight() == 0, "SaehdTrainer::set_learning_rate: ", in_flight(),
                " steps wait to be collected");
  optimizer_->set_learning_rate(rate);
  graph_.reset();
}

SaehdStep SaehdTrainer::step(const SaehdSide& src, const SaehdSide& dst) {
  SaehdStep losses;
  DIPTYCH_CHECK(!source_, "SaehdTrainer::step: samples come from a source; use submit()");
  if (current_stream().on_device()) {
    batch_.load(src, dst);
    step_on_device();
    losses = checked(health_.to_host());
    read_health(losses, probe_->values().to_host());
  } else {
    losses = forward_backward(src, dst);
    update();
  }
  optimizer_->count();
  return losses;
}

}  // namespace diptych
