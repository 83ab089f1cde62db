// Optimizer steps over the arena.
// SPDX-License-Identifier: MIT
#include "optim/optimizer.h"

#include <cmath>

#include "kernels/adabelief/adabelief.h"
#include "kernels/adam/adam.h"
#include "kernels/common/device.h"
#include "kernels/reduce/reduce.h"
#include "kernels/rmsprop/rmsprop.h"
#include "tensor/allocator.h"

namespace diptych {

namespace {

constexpr float kKeepProbability = 0.3f;  // of lr_dropout (spec training.md 5.1)
constexpr double kCycleSteps = 500;

Tensor part(const Tensor& flat, ArenaRange range) {
  if (!flat.defined()) return {};
  return flat.part(range.begin, {range.end - range.begin});
}

}  // namespace

Optimizer::Optimizer(ParamArena& arena, const OptimizerOptions& options)
    : arena_(arena), options_(options) {
  DIPTYCH_CHECK(options.learning_rate > 0, "Optimizer: learning_rate = ", options.learning_rate,
                ", expected above 0");
  DIPTYCH_CHECK(options.clip_norm >= 0, "Optimizer: clip_norm = ", options.clip_norm,
                ", expected 0 (off) or above");
  if (options.kind != OptimizerKind::kRmsProp)
    moments_.push_back({"m", Tensor::full({arena.size()}, 0.0f)});
  moments_.push_back({"v", Tensor::full({arena.size()}, 0.0f)});
  if (current_stream().on_device()) {
    state_ = allocate(sizeof(OptimizerState), Place::kDevice);
    set_steps(0);
  }
}

RateSchedule Optimizer::schedule() const {
  return {.rate = options_.learning_rate,
          .safe_rate = kSafeRate,
          .ramp_steps = kRampSteps,
          .cycle_steps = options_.lr_dropout ? kCycleSteps : 0};
}

void Optimizer::set_steps(int64_t steps) {
  steps_ = steps;
  if (!state_) return;
  const OptimizerState state{
      .learning_rate = current_rate(), .step = static_cast<uint32_t>(steps), .apply = 1};
  device::upload(current_stream().cuda(), state_.get(), &state, sizeof(state));
}

void Optimizer::set_learning_rate(float rate) {
  DIPTYCH_CHECK(rate > 0, "Optimizer: learning_rate = ", rate, ", expected above 0");
  options_.learning_rate = rate;
}

void Optimizer::apply(const std::vector<ArenaRange>& ranges, const Tensor& health) {
  Stream& stream = current_stream();
  auto* const state = static_cast<OptimizerState*>(state_.get());
  if (state) {
    const Tensor healthy = health.defined() ? health : Tensor::full({1}, 0.0f);
    gate_update(stream, schedule(), healthy, state);
  }
  Tensor scale;
  if (options_.clip_norm > 0) {
    // The norm is taken over everything the optimizer updates.
    const Tensor squares = Tensor::full({1}, 0.0f);
    for (const ArenaRange& range : ranges) {
      sum_of_squares(stream, part(arena_.gradients(), range),
                     {squares.mut(), GradMode::kAccumulate});
    }
    scale = Tensor::empty({1});
    clip_scale(stream, squares, options_.clip_norm, scale);
  }
  const float keep = options_.lr_dropout ? kKeepProbability : 1.0f;
  const float rate = current_rate();
  for (const ArenaRange& range : ranges) {
    const Tensor gradient = part(arena_.gradients(), range), weight = part(arena_.weights(), range),
                 copy = part(arena_.compute_copies(), range);
    const auto step = static_cast<uint32_t>(steps_);
    if (options_.kind == OptimizerKind::kAdaBelief) {
      const AdaBeliefStep s{.learning_rate = rate,
                            .keep_probability = keep,
                            .seed = options_.seed,
                            .step = step,
                            .first_element = range.begin,
                            .state = state};
      adabelief_step(stream, s, gradient, scale, weight, part(moments_[0].values, range),
                     part(moments_[1].values, range), copy);
    } else if (options_.kind == OptimizerKind::kAdam) {
      const AdamStep s{.learning_rate = rate,
                       .keep_probability = keep,
                       .seed = options_.seed,
                       .step = step,
                       .first_element = range.begin,
                       .state = state};
      adam_step(stream, s, gradient, scale, weight, part(moments_[0].values, range),
                part(moments_[1].values, range), copy);
    } else {
      const RmsPropStep s{.learning_rate = rate,
                          .keep_probability = keep,
                          .seed = options_.seed,
                          .step = step,
                          .first_element = range.begin,
                          .state = state};
      rmsprop_step(stream, s, gradient, scale, weight, part(moments_[0].values, range), copy);
    }
  }
  stream.weights_changed();
  if (state) count_update(stream, state);
}

}  // namespace diptych
