// The policy of the sentinel.
// SPDX-License-Identifier: MIT
#include "models/saehd/sentinel.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr double kHalfLife = 200;  // steps
constexpr double kFast = 0.4;      // weight of a step in the fast mean

// Spread of a loss below which a difference means nothing.
constexpr double kLeastDeviation = 0.01;  // of the mean

double follow(double fast, double value, bool first) {
  return first ? value : fast + kFast * (value - fast);
}

}  // namespace

const char* name_of(SentinelAction action) {
  static const char* const names[] = {"none",      "skip", "lower_rate",
                                      "roll_back", "stop", "raise_rate"};
  return names[static_cast<size_t>(action)];
}

void RunningStats::add(double value) {
  ++count_;
  // The plain mean while it is younger than its memory.
  const double memory = 1 - std::exp2(-1 / kHalfLife);
  const double weight = std::max(memory, 1.0 / static_cast<double>(count_));
  const double step = value - mean_;
  mean_ += weight * step;
  variance_ = (1 - weight) * (variance_ + weight * step * step);
}

double RunningStats::deviation() const {
  return std::sqrt(variance_);
}

Sentinel::Sentinel(const SentinelOptions& options) : options_(options), scale_(options.rate_scale) {
  DIPTYCH_CHECK(scale_ > 0 && scale_ <= 1, "Sentinel: rate_scale = ", scale_,
                ", expected above 0, at most 1");
}

std::string Sentinel::trouble_of(const SentinelStep& step, double& z) {
  if (!step.finite) return "the loss or a gradient is not finite";
  const bool first = seen_ <= 1;
  src_fast_ = follow(src_fast_, step.src_loss, first);
  dst_fast_ = follow(dst_fast_, step.dst_loss, first);
  const bool history = src_loss_.count() >= kHistory;
  const auto z_of = [&](const RunningStats& stats, double fast) {
    if (!history) return 0.0;
    return (fast - stats.mean()) /
           std::max(stats.deviation(), kLeastDeviation * std::abs(stats.mean()));
  };
  const auto output = [&](const char* side, const OutputHealth& out,
                          const RunningStats& variance) -> std::string {
    if (out.saturated >= kSaturatedShare)
      return str(side, " has collapsed: ", 100 * out.saturated, " % of its output is saturated");
    if (history && out.variance < kVarianceShare * variance.mean())
      return str(side, " has collapsed: the variance of its output is ", out.variance, ", it was ",
                 variance.mean());
    return {};
  };
  const auto loss = [&](const char* side, double fast, const RunningStats& stats) -> std::string {
    if (z_of(stats, fast) <= options_.loss_z || fast <= kLossRatio * stats.mean()) return {};
    return str("the loss of ", side, " is ", fast, ", it was ", stats.mean(), " (",
               z_of(stats, fast), " deviations)");
  };
  const double src_z = z_of(src_loss_, src_fast_), dst_z = z_of(dst_loss_, dst_fast_);
  z = std::max(src_z, dst_z);
  std::string reason = output("src", step.health.src, src_variance_);
  if (reason.empty()) reason = output("dst", step.health.dst, dst_variance_);
  if (reason.empty()) reason = loss("src", src_fast_, src_loss_);
  if (reason.empty()) reason = loss("dst", dst_fast_, dst_loss_);
  for (const BlockHealth& block : step.health.blocks) {
    const RunningStats& stats = gradients_[block.name];
    if (!reason.empty() || !history || z <= options_.loss_z / 2) continue;
    if (block.gradient_norm > kGradientRatio * stats.mean())
      reason = str("the gradient of ", block.name, " is ", block.gradient_norm, ", it was ",
                   stats.mean());
  }
  return reason;
}

void Sentinel::remember(const SentinelStep& step) {
  src_loss_.add(step.src_loss);
  dst_loss_.add(step.dst_loss);
  src_variance_.add(step.health.src.variance);
  dst_variance_.add(step.health.dst.variance);
  for (const BlockHealth& block : step.health.blocks)
    gradients_[block.name].add(block.gradient_norm);
}

SentinelVerdict Sentinel::observe(const SentinelStep& step) {
  ++seen_;
  std::erase_if(rollbacks_, [&](int64_t at) { return seen_ - at > kPatience; });
  SentinelVerdict verdict;
  verdict.reason = trouble_of(step, verdict.loss_z);
  verdict.rate_scale = scale_;
  last_ = verdict;
  if (!verdict.healthy()) {
    healthy_ = 0;
    return strike(verdict, step.finite);
  }
  remember(step);
  strikes_ = std::max(0, strikes_ - 1);
  if (strikes_ == 0) lowered_ = false;
  if (++healthy_ >= options_.recovery && scale_ < 1) {
    healthy_ = 0;
    scale_ = std::min(1.0, 2 * scale_);
    verdict.action = SentinelAction::kRaiseRate;
    verdict.rate_scale = scale_;
  }
  return verdict;
}

void Sentinel::go_back_or_stop(SentinelVerdict& verdict) {
  const bool again = rollbacks() < kMostRollBacks;
  verdict.action = again ? SentinelAction::kRollBack : SentinelAction::kStop;
  if (again && !lowered_) scale_ = std::max(kLowestScale, scale_ / 2);
  verdict.rate_scale = scale_;
}

SentinelVerdict Sentinel::strike(SentinelVerdict verdict, bool finite) {
  ++strikes_;
  if (strikes_ >= kRollBackAt) {
    go_back_or_stop(verdict);
  } else if (strikes_ >= kLowerAt && !lowered_) {
    lowered_ = true;
    verdict.action = SentinelAction::kLowerRate;
    scale_ = std::max(kLowestScale, scale_ / 2);
  } else if (!finite) {
    verdict.action = SentinelAction::kSkip;
  }
  verdict.rate_scale = scale_;
  return verdict;
}

SentinelVerdict Sentinel::at_the_end() {
  SentinelVerdict verdict = last_;
  if (verdict.healthy()) return verdict;
  go_back_or_stop(verdict);
  if (++ends_ > kMostRollBacks) verdict.action = SentinelAction::kStop;  // however far apart
  return verdict;
}

void Sentinel::rolled_back() {
  rollbacks_.push_back(seen_);
  strikes_ = 0;
  healthy_ = 0;
  lowered_ = false;
  last_ = {};
  src_fast_ = src_loss_.mean();
  dst_fast_ = dst_loss_.mean();
}

}  // namespace diptych
