// The optimizers' update rules in double, and how far a weight may lie from a reference after some
// steps when its gradients are off.
//
// Both rules move a weight by rate * n / (s + epsilon), where n is linear in the gradients so far
// and s is a weighted 2-norm of numbers d that are linear in them too (spec training.md 5):
//   rmsprop    n = g
//              d = g,                        s^2 <- rho s^2 + (1 - rho) d^2
//   adabelief  n = m <- beta1 m + (1 - beta1) g
//              d = g - m = beta1 (g - old m),  s^2 <- beta2 s^2 + (1 - beta2) d^2
// So errors of the gradients pass through the same recurrences, without their signs, to bounds N of
// n's error and S of s's (triangle inequality), and
//   |n/(s + eps) - n'/(s' + eps)| <= (N + |n|/(s + eps) S) / (s - S + eps).
// Where S is as large as s the move's sign is open, but no move is longer than
//   rmsprop    1 / sqrt(1 - rho)
//   adabelief  (1 - beta1)/beta1 sqrt(t / ((1 - beta2) beta2^(t-1)))   in step t
// since m is (1 - beta1)/beta1 times the sum of all d so far (Cauchy-Schwarz).
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include "optim/optimizer.h"

namespace diptych {

struct UpdateRule {
  OptimizerKind kind;
  double rate = 5e-5, rho = 0.9, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6;
  bool epsilon_under_root = false;  // wrong; for tests that want to see it refused
};

// One weight on its way.
class UpdatedWeight {
 public:
  UpdatedWeight(const UpdateRule& rule, double start) : r_(rule), value_(start) {}

  // One step with a gradient that is off by at most `error`.
  void step(double g, double error) {
    ++t_;
    const bool belief = r_.kind == OptimizerKind::kAdaBelief;
    const double d = belief ? r_.beta1 * (g - m_) : g;
    const double d_error = belief ? r_.beta1 * (error + m_error_) : error;
    const double decay = belief ? r_.beta2 : r_.rho;
    v_ = decay * v_ + (1 - decay) * d * d;
    v_error_ = decay * v_error_ + (1 - decay) * d_error * d_error;
    m_ = r_.beta1 * m_ + (1 - r_.beta1) * g;
    m_error_ = r_.beta1 * m_error_ + (1 - r_.beta1) * error;
    const double n = belief ? m_ : g, n_error = belief ? m_error_ : error;
    const double s = std::sqrt(v_), s_error = std::sqrt(v_error_);
    const double move = n / (r_.epsilon_under_root ? std::sqrt(v_ + r_.epsilon) : s + r_.epsilon);
    const double move_error =
        (n_error + std::abs(move) * s_error) / (std::max(0.0, s - s_error) + r_.epsilon);
    value_ -= r_.rate * move;
    path_ += r_.rate * std::abs(move);
    error_ += r_.rate * std::min(move_error, std::abs(move) + longest_move());
  }

  double value() const { return value_; }

  double path() const { return path_; }  // the lengths of its moves, added up

  double error() const { return error_; }  // bound on that of value()

 private:
  double longest_move() const {
    if (r_.kind == OptimizerKind::kRmsProp) return 1 / std::sqrt(1 - r_.rho);
    return (1 - r_.beta1) / r_.beta1 *
           std::sqrt(t_ / ((1 - r_.beta2) * std::pow(r_.beta2, t_ - 1)));
  }

  UpdateRule r_;
  int t_ = 0;
  double value_, path_ = 0, error_ = 0;
  double m_ = 0, v_ = 0, m_error_ = 0, v_error_ = 0;
};

}  // namespace diptych
