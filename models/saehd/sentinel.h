// Sentinel: watches the health of training and says what to do when it goes wrong. Pure logic: a
// verdict is a function of the steps it was shown; apps/ carries it out.
//
//   step not finite      its update was left out already: kSkip, and a strike
//   output collapsed     saturated share of a side at least kSaturatedShare, or variance below
//                        kVarianceShare of its own mean: a strike
//   loss far too high    fast mean more than `loss_z` deviations and kLossRatio times above the
//                        history: a strike
//   gradient far too high  block norm more than kGradientRatio times its own mean, with a loss that
//                        is above its history: a strike
// A healthy step takes a strike back. kLowerAt strikes halve the rate, kRollBackAt strikes go back
// to the last healthy checkpoint at half the rate; a fourth way back within kPatience steps is not
// tried: kStop. Training that is to end goes back at once instead of ending in trouble. `recovery`
// healthy steps double the rate again, up to the one that was asked for.
// History is the exponential mean and variance of healthy steps alone, so a collapse does not
// become the norm. It is not judged before kHistory steps, but saturation and NaN are from the
// first.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/saehd/health.h"

namespace diptych {

enum class SentinelAction { kNone, kSkip, kLowerRate, kRollBack, kStop, kRaiseRate };

const char* name_of(SentinelAction action);

constexpr int64_t kSentinelRecovery = 1000;  // steps

struct SentinelOptions {
  double loss_z = 8;
  double rate_scale = 1;  // of the rate that was asked for, as a checkpoint remembers it
  int64_t recovery = kSentinelRecovery;  // healthy steps that double the rate again
};

struct SentinelStep {
  int64_t iteration = 0;
  bool finite = true;
  double src_loss = 0, dst_loss = 0;  // means of the batch
  StepHealth health = {};
};

struct SentinelVerdict {
  SentinelAction action = SentinelAction::kNone;
  std::string reason;     // empty for a healthy step; else what is wrong, with values
  double loss_z = 0;      // of the worse side
  double rate_scale = 1;  // to train with from now on

  bool healthy() const { return reason.empty(); }
};

// Mean and variance that forget: each step weighs 1 - 2^(-1/kHalfLife) of what it finds.
class RunningStats {
 public:
  void add(double value);

  int64_t count() const { return count_; }

  double mean() const { return mean_; }

  double deviation() const;

 private:
  int64_t count_ = 0;
  double mean_ = 0, variance_ = 0;
};

class Sentinel {
 public:
  static constexpr int kLowerAt = 3, kRollBackAt = 6;
  static constexpr int kMostRollBacks = 3;
  static constexpr int64_t kPatience = 500, kHistory = 30;
  static constexpr double kSaturatedShare = 0.98, kVarianceShare = 0.02, kLossRatio = 1.5,
                          kGradientRatio = 100, kLowestScale = 1.0 / 1024;

  explicit Sentinel(const SentinelOptions& options = {});

  // To be called with every step, in order, the ones that were left out too.
  SentinelVerdict observe(const SentinelStep& step);

  // When training is to end: the verdict on ending with the last step that was shown. A step in
  // trouble is not waited out then: kRollBack, or kStop; kNone when all is well.
  SentinelVerdict at_the_end();

  // After the model went back: the steps to come are another try.
  void rolled_back();

  // No strike stands: what is saved now is worth going back to.
  bool calm() const { return strikes_ == 0; }

  int rollbacks() const { return static_cast<int>(rollbacks_.size()); }

  double rate_scale() const { return scale_; }

 private:
  std::string trouble_of(const SentinelStep& step, double& z);
  void remember(const SentinelStep& step);
  SentinelVerdict strike(SentinelVerdict verdict, bool finite);
  void go_back_or_stop(SentinelVerdict& verdict);

  SentinelOptions options_;
  RunningStats src_loss_, dst_loss_, src_variance_, dst_variance_;
  std::map<std::string, RunningStats> gradients_;
  double src_fast_ = 0, dst_fast_ = 0;  // means over a few steps, bad ones too
  int strikes_ = 0;
  bool lowered_ = false;  // since the last calm
  int64_t seen_ = 0, healthy_ = 0;
  int ends_ = 0;  // how often training was to end in trouble
  SentinelVerdict last_;
  std::vector<int64_t> rollbacks_;  // `seen_` at each, within kPatience
  double scale_ = 1;
};

}  // namespace diptych
