// The training step of SAEHD.
// SPDX-License-Identifier: MIT
#include "models/saehd/trainer.h"

#include "kernels/fill/fill.h"
#include "models/saehd/non_finite_loss.h"
#include "nn/init.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

SaehdTrainOptions checked(const SaehdTrainOptions& options) {
  options.validate();
  return options;
}

}  // namespace

SaehdTrainer::SaehdTrainer(const SaehdTrainOptions& options)
    : options_(checked(options)),
      active_(options.active()),
      network_(std::make_unique<Saehd>(options.network)),
      batch_(options.batch_size, options.network.resolution, options.loss.eyes_mouth_prio) {
  nn::initialise(network_->parameters(), options.seed);
  arena_ = std::make_unique<ParamArena>(network_->parameters(), options.dtype);
  optimizer_ = std::make_unique<Optimizer>(*arena_, active_.optimizer);
  std::vector<LossTerm> terms = {LossTerm::kSrc, LossTerm::kDst};
  if (active_.adversarial.any()) {
    adversaries_ = std::make_unique<SaehdAdversaries>(active_);
    for (const LossTerm term : adversaries_->terms()) terms.push_back(term);
  }
  losses_ = std::make_unique<StepLosses>(options.batch_size, terms);
  probe_ = std::make_unique<HealthProbe>(*arena_, losses_->up_to(LossTerm::kTrueFace).numel());
}

void SaehdTrainer::compute_losses() {
  clear_tape();
  arena_->begin_step();
  const Saehd::Reconstruction out =
      network_->reconstruct(cast(batch_.warped(), options_.dtype), active_.style.any());
  const auto side_terms = [&](const SaehdBatch::Side& side, const Tensor& picture,
                              const Tensor& mask) {
    return reconstruction_loss(side.target, picture, side.mask, mask, side.eyes_mouth, active_.loss,
                               active_.parity);
  };
  SideTerms src = side_terms(batch_.src(), out.src, out.src_mask);
  const SideTerms dst = side_terms(batch_.dst(), out.dst, out.dst_mask);
  if (active_.style.any()) {
    const Tensor style = style_term(out, src, dst);
    src.loss = weighted_sum({{1.0f, &src.loss}, {1.0f, &style}});
  }
  roots_ = {src.loss, dst.loss};
  losses_->put(LossTerm::kSrc, src.loss);
  losses_->put(LossTerm::kDst, dst.loss);
  if (adversaries_) roots_.push_back(adversaries_->generator_loss(src, out, *losses_));
  if (active_.parity.discriminators_see_updated_generator) src_soft_ = src.soft;
  probe_->losses(losses_->up_to(LossTerm::kTrueFace));
  probe_->outputs(out.src, out.dst);
}

Tensor SaehdTrainer::style_term(const Saehd::Reconstruction& out,
                                const SideTerms& src,
                                const SideTerms& dst) {
  StyleInputs in{
      .dst = out.dst, .dst_mask = out.dst_mask, .dst_target = dst.target, .src_soft = src.soft};
  const Tensor code = out.swap_code.detach();
  if (active_.style.face > 0) in.swap_for_face = network_->swap_picture(code);
  if (active_.style.background > 0) in.swap_for_background = network_->swap_picture(out.swap_code);
  {
    const NoGrad no_grad;
    in.swap_mask = network_->swap_mask(code);
  }
  return style_loss(in, active_.style, active_.parity);
}

// Seeds are ones: gradients of the sum over the batch, as the original takes them.
void SaehdTrainer::compute_gradients() {
  backward(roots_);
  roots_.clear();
  arena_->finish_gradients();
  probe_->gradients();
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
  SaehdStep losses = losses_->checked(losses_->values().to_host(), iteration() + 1);
  compute_gradients();
  read_health(losses, probe_->values().to_host());
  return losses;
}

void SaehdTrainer::rehearse() {
  compute_losses();
  compute_gradients();
  update();
  step_adversaries([] {});
}

void SaehdTrainer::update() {
  const OpTimer timer("optimizer");
  const Tensor& gate = probe_->values();
  if (options_.network.liae && !active_.random_warp) {
    optimizer_->apply(
        arena_->ranges([](const std::string& name) { return name.rfind("inter_AB/", 0) != 0; }),
        gate);
  } else {
    optimizer_->apply({{0, arena_->size()}}, gate);
  }
}

void SaehdTrainer::step_adversaries(const std::function<void()>& check) {
  if (!adversaries_) return;
  if (active_.parity.discriminators_see_updated_generator) {
    const NoGrad no_grad;
    const Saehd::Reconstruction out = network_->reconstruct(cast(batch_.warped(), options_.dtype));
    adversaries_->look_at(
        {.real = {},
         .fake = active_.loss.masked_training ? mul_mask(out.src, src_soft_) : out.src,
         .src_code = out.src_code,
         .dst_code = out.dst_code});
    src_soft_ = {};
  }
  adversaries_->step(*losses_, check);
}

// The whole step without a word from the host: a loss that is not finite closes the optimizer's
// gate on the device, and the host finds it afterwards.
void SaehdTrainer::step_on_device() {
  const auto work = [this] {
    if (source_) source_(batch_);
    rehearse();  // the gates are on the device
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
    slots_.back()->losses = device::pinned(losses_->values().bytes());
    slots_.back()->health = device::pinned(probe_->values().bytes());
  }
}

void SaehdTrainer::submit() {
  DIPTYCH_CHECK(source_ && in_flight() < kInFlight, "SaehdTrainer::submit: ",
                source_ ? "too many steps wait to be collected" : "there is no source of samples");
  step_on_device();
  Slot& slot = *slots_[static_cast<size_t>(submitted_ % kInFlight)];
  const CudaStream stream = current_stream().cuda();
  const Tensor &values = losses_->values(), &health = probe_->values();
  device::start_download(stream, slot.losses.get(), values.data(), values.bytes());
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
  SaehdStep losses =
      losses_->checked({values, values + losses_->values().numel()}, iteration() + 1);
  const auto* const health = static_cast<const float*>(slot.health.get());
  read_health(losses, {health, health + probe_->values().numel()});
  count();
  return losses;
}

// A recorded step has the old rate in it: the next one is recorded anew.
void SaehdTrainer::set_learning_rate(float rate) {
  DIPTYCH_CHECK(in_flight() == 0, "SaehdTrainer::set_learning_rate: ", in_flight(),
                " steps wait to be collected");
  optimizer_->set_learning_rate(rate);
  if (adversaries_) {
    for (const SaehdAdversaries::Part& part : adversaries_->parts())
      part.optimizer->set_learning_rate(rate);
  }
  graph_.reset();
}

SaehdStep SaehdTrainer::step(const SaehdSide& src, const SaehdSide& dst) {
  SaehdStep losses;
  DIPTYCH_CHECK(!source_, "SaehdTrainer::step: samples come from a source; use submit()");
  const auto read = [this] {
    SaehdStep result = losses_->checked(losses_->values().to_host(), iteration() + 1);
    read_health(result, probe_->values().to_host());
    return result;
  };
  if (current_stream().on_device()) {
    batch_.load(src, dst);
    step_on_device();
    losses = read();
  } else {
    losses = forward_backward(src, dst);
    update();
    step_adversaries([&] { losses = read(); });
  }
  count();
  return losses;
}

void SaehdTrainer::count() {
  optimizer_->count();
  if (adversaries_) adversaries_->count();
}

// The inters have learnt other faces; everything else is worth keeping.
void SaehdTrainer::end_pretraining() {
  const auto of_inter = [](const std::string& name) { return name.rfind("inter", 0) == 0; };
  ParameterList inters;
  for (const NamedParameter& p : arena_->list())
    if (of_inter(p.name)) inters.push_back(p);
  nn::initialise(inters, options_.seed + 1);
  arena_->refresh_copies();
  if (!options_.parity.inters_keep_moments_after_pretraining) {
    for (const ArenaRange& range : arena_->ranges(of_inter)) {
      for (const Optimizer::Moment& moment : optimizer_->moments())
        fill(current_stream(), 0.0f, moment.values.part(range.begin, {range.end - range.begin}));
    }
  }
  optimizer_->set_steps(0);
  pretraining_ended_ = true;
}

}  // namespace diptych
