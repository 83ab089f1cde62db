// The sentinel's policy: what it lets pass, what it strikes, and how the ladder goes up and ends.
// SPDX-License-Identifier: MIT
#include "models/saehd/sentinel.h"

#include <cmath>

#include <gtest/gtest.h>

#include "kernels/common/rng.h"

namespace diptych {
namespace {

using enum SentinelAction;

SentinelStep healthy_step(int64_t iteration, double loss = 1.0) {
  return {.iteration = iteration,
          .src_loss = loss,
          .dst_loss = loss,
          .health = {.blocks = {{"encoder", 1.0}, {"decoder", 2.0}},
                     .src = {0.4, 0.05, 0.1},
                     .dst = {0.4, 0.05, 0.1}}};
}

SentinelStep broken_step() {
  return {.finite = false, .src_loss = NAN, .dst_loss = NAN};
}

SentinelStep saturated_step(double loss = 1.0) {
  SentinelStep step = healthy_step(0, loss);
  step.health.dst = {1.0, 0.0, 1.0};
  return step;
}

// A hundred steps with the spread of real batches.
Sentinel with_history(double scale = 1) {
  Sentinel sentinel({.rate_scale = scale});
  Rng rng(3, 0, 0);
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(sentinel.observe(healthy_step(i, 1.0 + 0.3 * (rng.uniform() - 0.5))).healthy());
  return sentinel;
}

TEST(Sentinel, ANoisyFallingLossIsHealthy) {
  Sentinel sentinel;
  Rng rng(5, 0, 0);
  for (int i = 0; i < 3000; ++i) {
    const double loss = (0.2 + 2 * std::exp(-i / 200.0)) * (0.6 + 0.8 * rng.uniform());
    const SentinelVerdict v = sentinel.observe(healthy_step(i, loss));
    ASSERT_EQ(v.action, kNone) << i << ' ' << v.reason;
    ASSERT_TRUE(v.healthy()) << i << ' ' << v.reason;
  }
}

TEST(Sentinel, OneWildBatchChangesNothing) {
  Sentinel sentinel = with_history();
  EXPECT_EQ(sentinel.observe(healthy_step(100, 4.0)).action, kNone);
  for (int i = 0; i < 5; ++i) sentinel.observe(healthy_step(101 + i));
  EXPECT_TRUE(sentinel.calm());
  EXPECT_EQ(sentinel.rate_scale(), 1);
}

TEST(Sentinel, FreshOutputsWithoutVarianceAreHealthy) {
  Sentinel sentinel;
  for (int i = 0; i < 100; ++i) {
    SentinelStep step = healthy_step(i);
    step.health.src.variance = step.health.dst.variance = 1e-9 * std::pow(1.1, i);
    ASSERT_TRUE(sentinel.observe(step).healthy()) << i;
  }
}

TEST(Sentinel, NanIsSkippedFirst) {
  Sentinel sentinel = with_history();
  const SentinelVerdict v = sentinel.observe(broken_step());
  EXPECT_EQ(v.action, kSkip);
  EXPECT_FALSE(v.healthy());
  EXPECT_FALSE(sentinel.calm());
  EXPECT_EQ(v.rate_scale, 1);
}

TEST(Sentinel, TheLadderSkipsThenLowersThenGoesBack) {
  Sentinel sentinel = with_history();
  std::vector<SentinelAction> actions;
  for (int i = 0; i < Sentinel::kRollBackAt; ++i)
    actions.push_back(sentinel.observe(broken_step()).action);
  EXPECT_EQ(actions,
            (std::vector<SentinelAction>{kSkip, kSkip, kLowerRate, kSkip, kSkip, kRollBack}));
  EXPECT_EQ(sentinel.rate_scale(), 0.5);
}

TEST(Sentinel, AFaceThatFailsNowAndThenDoesNotEscalate) {
  Sentinel sentinel = with_history();
  for (int i = 0; i < 300; ++i) {
    const SentinelVerdict v = sentinel.observe(i % 3 == 0 ? broken_step() : healthy_step(i));
    ASSERT_EQ(v.action, i % 3 == 0 ? kSkip : kNone);
  }
}

TEST(Sentinel, SaturationGoesBackEvenWithoutHistory) {
  Sentinel sentinel;
  SentinelVerdict v;
  for (int i = 0; i < Sentinel::kRollBackAt; ++i) v = sentinel.observe(saturated_step());
  EXPECT_EQ(v.action, kRollBack);
  EXPECT_NE(v.reason.find("dst has collapsed: 100 %"), std::string::npos) << v.reason;
}

TEST(Sentinel, LostVarianceIsACollapse) {
  Sentinel sentinel = with_history();
  SentinelStep step = healthy_step(100);
  step.health.src.variance = 1e-4;
  EXPECT_NE(sentinel.observe(step).reason.find("variance"), std::string::npos);
}

TEST(Sentinel, ALossFarAboveItsHistoryGoesBack) {
  Sentinel sentinel = with_history();
  SentinelVerdict v;
  for (int i = 0; i < 20 && v.action != kRollBack; ++i) v = sentinel.observe(healthy_step(i, 5.0));
  EXPECT_EQ(v.action, kRollBack);
  EXPECT_NE(v.reason.find("the loss of src"), std::string::npos) << v.reason;
  EXPECT_GT(v.loss_z, 8);
}

TEST(Sentinel, AnExplodingGradientStrikesWithARisingLoss) {
  Sentinel sentinel = with_history();
  SentinelStep step = healthy_step(100, 1.9);
  step.health.blocks[1].gradient_norm = 1e4;
  std::string reason;
  for (int i = 0; i < 6 && reason.empty(); ++i) reason = sentinel.observe(step).reason;
  EXPECT_NE(reason.find("decoder"), std::string::npos) << reason;
}

TEST(Sentinel, BadStepsDoNotBecomeTheNorm) {
  Sentinel sentinel = with_history();
  for (int i = 0; i < 500; ++i) {
    const SentinelVerdict v = sentinel.observe(healthy_step(i, 5.0));
    if (i > 20) {
      ASSERT_FALSE(v.healthy());
    }
    if (v.action == kStop) return;
    if (v.action == kRollBack) sentinel.rolled_back();
  }
  FAIL() << "it never stopped";
}

TEST(Sentinel, StopsWhenGoingBackDoesNotHelp) {
  Sentinel sentinel = with_history();
  int rollbacks = 0;
  for (int i = 0; i < 200; ++i) {
    const SentinelVerdict v = sentinel.observe(broken_step());
    if (v.action == kStop) break;
    if (v.action != kRollBack) continue;
    ++rollbacks;
    sentinel.rolled_back();
  }
  EXPECT_EQ(rollbacks, Sentinel::kMostRollBacks);
}

TEST(Sentinel, TrainingDoesNotEndInTrouble) {
  Sentinel sentinel = with_history();
  EXPECT_EQ(sentinel.at_the_end().action, kNone);
  for (int i = 0; i < Sentinel::kMostRollBacks; ++i) {
    EXPECT_EQ(sentinel.observe(saturated_step()).action, kNone);
    const SentinelVerdict v = sentinel.at_the_end();
    EXPECT_EQ(v.action, kRollBack);
    EXPECT_EQ(v.rate_scale, std::exp2(-(i + 1)));
    EXPECT_NE(v.reason.find("collapsed"), std::string::npos);
    sentinel.rolled_back();
    EXPECT_EQ(sentinel.at_the_end().action, kNone);
  }
  sentinel.observe(saturated_step());
  EXPECT_EQ(sentinel.at_the_end().action, kStop);
}

TEST(Sentinel, EndsInTroubleAreCountedHoweverFarApart) {
  Sentinel sentinel = with_history();
  for (int i = 0; i <= Sentinel::kMostRollBacks; ++i) {
    sentinel.observe(saturated_step());
    EXPECT_EQ(sentinel.at_the_end().action, i < Sentinel::kMostRollBacks ? kRollBack : kStop);
    sentinel.rolled_back();
    for (int k = 0; k <= Sentinel::kPatience; ++k) sentinel.observe(healthy_step(k));
  }
}

TEST(Sentinel, AHealthyStepAfterAStrikeEndsWell) {
  Sentinel sentinel = with_history();
  sentinel.observe(saturated_step());
  sentinel.observe(saturated_step());
  sentinel.observe(healthy_step(0));
  EXPECT_EQ(sentinel.at_the_end().action, kNone);
}

TEST(Sentinel, OldRollbacksAreForgiven) {
  Sentinel sentinel = with_history();
  for (int round = 0; round < 8; ++round) {
    SentinelVerdict v;
    for (int i = 0; i < Sentinel::kRollBackAt; ++i) v = sentinel.observe(broken_step());
    ASSERT_EQ(v.action, kRollBack) << round;
    sentinel.rolled_back();
    for (int i = 0; i < Sentinel::kPatience; ++i) sentinel.observe(healthy_step(i));
  }
}

TEST(Sentinel, TheRateComesBackAfterALongHealthyTime) {
  Sentinel sentinel = with_history(0.25);
  int64_t raised = 0;
  for (int64_t i = 0; i < 2 * kSentinelRecovery; ++i)
    raised += sentinel.observe(healthy_step(i)).action == kRaiseRate;
  EXPECT_EQ(raised, 2);
  EXPECT_EQ(sentinel.rate_scale(), 1);
}

}  // namespace
}  // namespace diptych
