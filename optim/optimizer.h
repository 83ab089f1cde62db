// Optimizer: AdaBelief or RMSprop over a ParamArena, exactly as spec training.md 5 has them (no
// bias correction, epsilon 1e-6 outside the root), or Adam as its paper has it. One pass over the
// flat buffers updates weights, moments and bf16 copies.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/optimizer_schedule/optimizer_schedule.h"
#include "optim/param_arena.h"

namespace diptych {

enum class OptimizerKind { kAdaBelief, kRmsProp, kAdam };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdaBelief;
  float learning_rate = 5e-5f;
  float clip_norm = 0;  // > 0: scale gradients so that their global norm is at most this
  bool lr_dropout =
      false;          // update mask with keep probability 0.3, and the cosine cycle of 500 steps
  uint64_t seed = 0;  // of the update masks
};

class Optimizer {
 public:
  Optimizer(ParamArena& arena, const OptimizerOptions& options);

  // Applies the gradients in the arena to the given ranges. On a device, nothing is written when a
  // value of health, (n) f32 or undefined, is not finite; there the work can be recorded into a
  // graph, because rate and step count live in device memory.
  void apply(const std::vector<ArenaRange>& ranges, const Tensor& health = {});

  // Counts a step on the host: after apply(), and after a replay of one that was applied.
  void count() { ++steps_; }

  // Both, for all parameters.
  void step() {
    apply({{0, arena_.size()}});
    count();
  }

  int64_t steps() const { return steps_; }

  void set_steps(int64_t steps);

  // From the next apply() on. Work recorded before keeps the old rate.
  void set_learning_rate(float rate);

  // Flat moment buffers by name: "m" and "v" of AdaBelief and Adam, "v" of RMSprop. For
  // checkpoints.
  struct Moment {
    std::string name;
    Tensor values;
  };

  const std::vector<Moment>& moments() const { return moments_; }

  const OptimizerOptions& options() const { return options_; }

  // Rate of the coming step. A rate above kSafeRate is reached by a ramp of kRampSteps steps:
  // without bias correction AdaBelief's first steps are many rates long and all point the same way,
  // which drives a fresh decoder's sigmoids into saturation for good. The cosine cycle applies on
  // top when lr_dropout is on.
  float current_rate() const { return static_cast<float>(scheduled_rate(schedule(), steps_)); }

  RateSchedule schedule() const;
  static constexpr float kSafeRate = 5e-5f;  // the original's fixed rate (spec training.md 5.1)
  static constexpr int64_t kRampSteps = 300;

 private:
  ParamArena& arena_;
  OptimizerOptions options_;
  std::vector<Moment> moments_;
  std::shared_ptr<void> state_;  // OptimizerState in device memory; null on the cpu engine
  int64_t steps_ = 0;
};

}  // namespace diptych
