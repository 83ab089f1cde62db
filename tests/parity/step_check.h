// One step of an engine held against the lanes: losses, every gradient, every updated weight and
// moment, element by element.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "tests/parity/lane_saehd.h"

namespace diptych::parity {

// The state of a run and what one step made of it, in arena order.
struct EngineState {
  std::vector<float> weights, m, v;
};

struct EngineStep {
  std::vector<float> losses, gradients;
  EngineState after;
};

// Values that left their bounds, by kind, and how near losses and gradients came: the
// largest error over its bound.
struct Verdict {
  int losses = 0, gradients = 0;  // out of bounds
  int updates = 0;                // against the rule, from the engine's own gradient
  int weights = 0;                // against the rule, from the exact gradient and its bound
  double worst_loss = 0, worst_gradient = 0;
  int kinks = 0,
      flipped = 0;    // activations whose sign rounding decides; those it decided otherwise
  std::string first;  // the first element out of bounds

  int wrong() const { return losses + gradients + updates + weights; }
};

// The exact step from one state, and the bounds around it.
class StepBounds {
 public:
  StepBounds(const LaneSaehd& saehd,
             const ParamArena& arena,
             std::vector<float> weights,
             const SaehdSide& src,
             const SaehdSide& dst);

  // Losses and gradients alone. exact: where to put the gradients that an engine's are held to.
  Verdict check_gradients(const std::vector<float>& losses,
                          const std::vector<float>& gradients,
                          std::vector<double>* exact = nullptr) const;
  // before: of the state that the bounds were made from.
  Verdict check(const EngineState& before, const EngineStep& step, double rate) const;

  const std::vector<double>& loss_bounds() const { return loss_bounds_; }

  // Of every gradient, flips aside.
  const std::vector<double>& gradient_bounds() const { return bounds_; }

 private:
  const std::vector<std::vector<double>>& flip_effects() const;
  std::vector<double> explained_gradients(const std::vector<float>& gradients, int* flipped) const;
  std::string name_of(size_t element) const;
  void note(int* count, bool out, const char* what, size_t element, Verdict* verdict) const;

  const LaneSaehd& saehd_;
  const ParamArena& arena_;
  std::vector<float> weights_;
  SaehdSide src_, dst_;
  std::vector<Kink> kinks_;
  std::vector<double> losses_, loss_bounds_, gradients_, bounds_;
  // What a flip of each kink adds to every gradient; made when the first engine needs it.
  mutable std::vector<std::vector<double>> effects_;
};

}  // namespace diptych::parity
