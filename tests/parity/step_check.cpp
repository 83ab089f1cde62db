// Bounds of a step.
// SPDX-License-Identifier: MIT
#include "tests/parity/step_check.h"

#include <algorithm>
#include <utility>

#include "tests/parity/running.h"

namespace diptych::parity {

namespace {

// Notes whether a value is within its bound; a NaN is not.
bool outside(double actual, double exact, double bound, double* worst) {
  const double error = std::abs(actual - exact);
  if (!(error <= bound)) return true;
  if (bound > 0) *worst = std::max(*worst, error / bound);
  return false;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Solves the symmetric system in place by elimination; a direction of no effect stays out.
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    if (a[i][i] <= 0) continue;
    for (size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = a[r][i] / a[i][i];
      for (size_t c = 0; c < n; ++c) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  for (size_t i = 0; i < n; ++i) b[i] = a[i][i] > 0 ? b[i] / a[i][i] : 0;
  return b;
}

}  // namespace

StepBounds::StepBounds(const LaneSaehd& saehd,
                       const ParamArena& arena,
                       std::vector<float> weights,
                       const SaehdSide& src,
                       const SaehdSide& dst)
    : saehd_(saehd), arena_(arena), weights_(std::move(weights)), src_(src), dst_(dst) {
  LaneResult lanes = saehd.step(weights_, src, dst);
  for (const Lanes& loss : lanes.losses) {
    losses_.push_back(loss[0]);
    loss_bounds_.push_back(kFactor * spread(loss));
  }
  for (const Lanes& g : lanes.gradients) {
    gradients_.push_back(g[0]);
    bounds_.push_back(kFactor * spread(g));
  }
  kinks_ = std::move(lanes.kinks);
}

const std::vector<std::vector<double>>& StepBounds::flip_effects() const {
  for (size_t first = effects_.size(); first < kinks_.size(); first += kNoisy) {
    const auto begin = kinks_.begin() + static_cast<std::ptrdiff_t>(first);
    const size_t count = std::min<size_t>(kNoisy, kinks_.size() - first);
    const LaneResult flipped =
        saehd_.step(weights_, src_, dst_, {begin, begin + static_cast<std::ptrdiff_t>(count)});
    for (size_t j = 1; j <= count; ++j) {
      std::vector<double>& effect = effects_.emplace_back();
      for (const Lanes& g : flipped.gradients) effect.push_back(g[static_cast<int>(j)] - g[0]);
    }
  }
  return effects_;
}

// The exact gradients with the flips that the engine took: those whose effects, fitted to the
// difference in units of each element's bound, come out above one half. Without an element out of
// bounds nothing needs to be explained.
std::vector<double> StepBounds::explained_gradients(const std::vector<float>& gradients,
                                                    int* flipped) const {
  std::vector<double> difference(gradients.size());
  bool inside = true;
  for (size_t i = 0; i < difference.size(); ++i) {
    difference[i] = static_cast<double>(gradients[i]) - gradients_[i];
    inside = inside && std::abs(difference[i]) <= bounds_[i];
  }
  std::vector<double> result = gradients_;
  if (inside) return result;
  std::vector<std::vector<double>> scaled = flip_effects();
  for (size_t i = 0; i < difference.size(); ++i) {
    const double unit = bounds_[i] > 0 ? 1 / bounds_[i] : 0;
    difference[i] *= unit;
    for (std::vector<double>& effect : scaled) effect[i] *= unit;
  }
  const size_t count = scaled.size();
  std::vector<std::vector<double>> products(count, std::vector<double>(count));
  std::vector<double> right;
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j <= i; ++j) products[i][j] = products[j][i] = dot(scaled[i], scaled[j]);
    right.push_back(dot(scaled[i], difference));
  }
  const std::vector<double> shares = solve(std::move(products), std::move(right));
  for (size_t k = 0; k < shares.size(); ++k) {
    if (!(shares[k] > 0.5)) continue;
    ++*flipped;
    for (size_t i = 0; i < result.size(); ++i) result[i] += effects_[k][i];
  }
  return result;
}

std::string StepBounds::name_of(size_t element) const {
  for (size_t k = 0; k < arena_.list().size(); ++k) {
    const ArenaRange range = arena_.range(k);
    const auto at = static_cast<int64_t>(element);
    if (at >= range.begin && at < range.end)
      return arena_.list()[k].name + " " + std::to_string(at - range.begin);
  }
  return "gap " + std::to_string(element);
}

void StepBounds::note(
    int* count, bool out, const char* what, size_t element, Verdict* verdict) const {
  if (!out) return;
  ++*count;
  if (verdict->first.empty()) verdict->first = std::string(what) + " of " + name_of(element);
}

Verdict StepBounds::check_gradients(const std::vector<float>& losses,
                                    const std::vector<float>& gradients,
                                    std::vector<double>* exact) const {
  Verdict verdict;
  verdict.kinks = static_cast<int>(kinks_.size());
  for (size_t i = 0; i < losses_.size(); ++i) {
    if (!outside(losses[i], losses_[i], loss_bounds_[i], &verdict.worst_loss)) continue;
    ++verdict.losses;
    if (verdict.first.empty()) verdict.first = "loss " + std::to_string(i);
  }
  const std::vector<double> held_to = explained_gradients(gradients, &verdict.flipped);
  for (size_t i = 0; i < held_to.size(); ++i)
    note(&verdict.gradients, outside(gradients[i], held_to[i], bounds_[i], &verdict.worst_gradient),
         "gradient", i, &verdict);
  if (exact) *exact = held_to;
  return verdict;
}

Verdict StepBounds::check(const EngineState& before, const EngineStep& step, double rate) const {
  std::vector<double> exact;
  Verdict verdict = check_gradients(step.losses, step.gradients, &exact);
  const auto off = [](float actual, const Running& bound) {
    return !(std::abs(actual - bound.value) <= bound.error);
  };
  for (size_t i = 0; i < exact.size(); ++i) {
    const auto from = [&](const Running& gradient) {
      return adabelief(rate, gradient, before.weights[i], before.m[i], before.v[i]);
    };
    const EngineState& after = step.after;
    const RunningAdaBelief own = from({step.gradients[i], 0}), any = from({exact[i], bounds_[i]});
    const bool own_off =
        off(after.weights[i], own.w) || off(after.m[i], own.m) || off(after.v[i], own.v);
    note(&verdict.updates, own_off, "update", i, &verdict);
    note(&verdict.weights, off(after.weights[i], any.w), "weight", i, &verdict);
  }
  return verdict;
}

}  // namespace diptych::parity
