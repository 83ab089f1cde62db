// Twenty steps on cpu and on the device engine of this build (the emulator, or a GPU), within
// bounds that are derived in docs/parity.md: step by step from the same state, then running free.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "kernels/common/rng.h"
#include "models/saehd/trainer.h"
#include "tests/parity/running.h"
#include "tests/parity/step_check.h"
#include "tests/support/golden.h"

namespace diptych::parity {
namespace {

constexpr int kSteps = 20;

// A trainer on an engine of its own, taken step by step.
class Runner {
 public:
  Runner(Engine engine, const SaehdTrainOptions& options)
      : stream_(engine), batch_(options.batch_size, options.network.resolution, true) {
    const StreamGuard guard(stream_);
    trainer_ = std::make_unique<SaehdTrainer>(options);
  }

  EngineState state() const {
    return {trainer_->arena().weights().to_host(), moment(0).to_host(), moment(1).to_host()};
  }

  void set_state(const EngineState& state) {
    const StreamGuard guard(stream_);
    const auto put = [](const std::vector<float>& from, const Tensor& to) {
      Tensor host = Tensor::empty(to.shape(), DType::kF32, Place::kHost);
      std::copy(from.begin(), from.end(), host.as<float>());
      to.copy_from(host);
    };
    put(state.weights, trainer_->arena().weights());
    put(state.m, moment(0));
    put(state.v, moment(1));
    trainer_->arena().refresh_copies();
  }

  // On the cpu engine: a step whose gradients `change` sees before they are applied.
  EngineStep step(const std::function<void(float*)>& change) {
    const StreamGuard guard(stream_);
    const SaehdStep losses = trainer_->forward_backward(batch_.src(), batch_.dst());
    change(trainer_->arena().gradients().as<float>());
    trainer_->optimizer().step();
    return result_of(losses);
  }

  EngineStep step() {
    const StreamGuard guard(stream_);
    return result_of(trainer_->step(batch_.src(), batch_.dst()));
  }

  SaehdTrainer& trainer() { return *trainer_; }

  const GoldenBatch& batch() const { return batch_; }

 private:
  EngineStep result_of(const SaehdStep& losses) const {
    EngineStep result;
    result.losses = losses.src_loss;
    result.losses.insert(result.losses.end(), losses.dst_loss.begin(), losses.dst_loss.end());
    result.gradients = trainer_->arena().gradients().to_host();
    result.after = state();
    return result;
  }

  const Tensor& moment(size_t which) const { return trainer_->optimizer().moments()[which].values; }

  Stream stream_;
  GoldenBatch batch_;
  std::unique_ptr<SaehdTrainer> trainer_;
};

class Parity : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }

  Parity() : options_(tiny_options(GetParam())), rate_(options_.optimizer.learning_rate) {}

  SaehdTrainOptions options_;
  double rate_;
};

class ParityPower : public ::testing::Test {};

TEST_P(Parity, EveryStepFromTheSameStateIsWithinItsBounds) {
  Runner cpu(Engine::kCpu, options_), other(device_engine(), options_);
  const ParamArena& arena = cpu.trainer().arena();
  const LaneSaehd saehd(options_.network, arena);
  EngineState before = cpu.state();
  for (int i = 0; i < kSteps; ++i) {
    const StepBounds bounds(saehd, arena, before.weights, cpu.batch().src(), cpu.batch().dst());
    other.set_state(before);
    const EngineStep mine = cpu.step(), theirs = other.step();
    for (const EngineStep* step : {&mine, &theirs}) {
      const Verdict v = bounds.check(before, *step, rate_);
      EXPECT_EQ(v.wrong(), 0) << (step == &mine ? "cpu" : "device") << ", step " << i << ": "
                              << v.first;
    }
    before = mine.after;
  }
}

// What every test of power starts from: one state of the cpu engine a few steps in, and its next.
struct OneStep {
  explicit OneStep(const SaehdTrainOptions& options) : cpu(Engine::kCpu, options) {
    for (int i = 0; i < 3; ++i) cpu.step();
    before = cpu.state();
    step = cpu.step();
  }

  Verdict check(const BrokenLayer& broken, double rate) {
    const ParamArena& arena = cpu.trainer().arena();
    const LaneSaehd saehd(cpu.trainer().options().network, arena, broken);
    const SaehdSide src = cpu.batch().src(), dst = cpu.batch().dst();
    return StepBounds(saehd, arena, before.weights, src, dst).check(before, step, rate);
  }

  Runner cpu;
  EngineState before;
  EngineStep step;
};

// A defect on either side of the comparison looks the same from the middle.
TEST_F(ParityPower, SmallDefectsLeaveTheBounds) {
  OneStep one(tiny_options("df-ud"));
  const double rate = 5e-5;
  EXPECT_EQ(one.check({}, rate).wrong(), 0);
  for (const Defect defect : {Defect::kPadding, Defect::kBiasPixel, Defect::kBf16}) {
    for (const char* const layer : {"encoder/down1/downs_0/conv1", "decoder_src/res1/conv2"}) {
      const Verdict v = one.check({defect, layer}, rate);
      EXPECT_GT(v.gradients, 0) << static_cast<int>(defect) << " in " << layer;
    }
  }
}

TEST_F(ParityPower, ARateThatIsOffByATenThousandthLeavesTheBounds) {
  OneStep one(tiny_options("df-ud"));
  const Verdict v = one.check({}, 5e-5 * (1 + 1e-4));
  EXPECT_GT(v.updates, 0);
}

// How far a step is moved, in spreads of its gradients, and what may come of it, in distances that
// came of it. Two engines, so roots of two; four spreads taken twice are as good as certain while
// distances grow in proportion, and where they no longer do, none goes on to twice the others.
const double kJostle = 4 * std::sqrt(2.0), kGrown = 2;

// The way of the cpu engine, with the bounds of each of its steps.
struct Way {
  EngineState start;
  std::vector<EngineStep> steps;
  // Of each step, by element: what roundings may add to a gradient, and to a weight behind it.
  std::vector<std::vector<double>> gradient_noise, weight_noise;
  std::vector<std::vector<double>> loss_bounds;
};

Way way_of(const SaehdTrainOptions& options) {
  Runner cpu(Engine::kCpu, options);
  const ParamArena& arena = cpu.trainer().arena();
  const LaneSaehd saehd(options.network, arena);
  Way way;
  way.start = cpu.state();
  EngineState before = way.start;
  for (int i = 0; i < kSteps; ++i) {
    const StepBounds bounds(saehd, arena, before.weights, cpu.batch().src(), cpu.batch().dst());
    const EngineStep step = cpu.step();
    way.loss_bounds.push_back(bounds.loss_bounds());
    std::vector<double>& gradient = way.gradient_noise.emplace_back(bounds.gradient_bounds());
    for (double& size : gradient) size *= kJostle / kFactor;
    std::vector<double>& weight = way.weight_noise.emplace_back();
    for (size_t k = 0; k < gradient.size(); ++k) {
      const double g = step.gradients[k], w = before.weights[k];
      // Three roundings of the mean, as an error of the gradient that it takes a tenth of.
      gradient[k] += 3 * kUnit * (9 * std::abs(before.m[k]) + std::abs(g));
      const RunningAdaBelief rule =
          adabelief(options.optimizer.learning_rate, {g, 0}, w, before.m[k], before.v[k]);
      // Roundings of the spread stay in it: two units a step of every later move.
      weight.push_back(rule.w.error + 2 * kSteps * kUnit * std::abs(rule.w.value - w));
    }
    before = step.after;
    way.steps.push_back(step);
  }
  return way;
}

// The way again, but every step moved by all that its bound allows, up or down at random.
std::vector<EngineStep> jostled(const SaehdTrainOptions& options, const Way& way, uint64_t seed) {
  Runner cpu(Engine::kCpu, options);
  std::vector<EngineStep> steps;
  Rng rng(seed, 0, 0);
  const auto move = [&](float& value, double size) {
    value = static_cast<float>(value + (rng.below(2) ? size : -size));
  };
  for (size_t i = 0; i < way.steps.size(); ++i) {
    steps.push_back(cpu.step([&](float* gradients) {
      for (size_t k = 0; k < way.gradient_noise[i].size(); ++k)
        move(gradients[k], way.gradient_noise[i][k]);
    }));
    EngineState state = steps.back().after;
    for (size_t k = 0; k < state.weights.size(); ++k)
      move(state.weights[k], way.weight_noise[i][k]);
    cpu.set_state(state);
    steps.back().after = state;
  }
  return steps;
}

double distance(const std::vector<float>& a, const std::vector<float>& b, ArenaRange range) {
  double sum = 0;
  for (auto i = static_cast<size_t>(range.begin); i < static_cast<size_t>(range.end); ++i) {
    const double d = static_cast<double>(a[i]) - b[i];
    sum += d * d;
  }
  return std::sqrt(sum);
}

std::vector<float> losses_of(const std::vector<EngineStep>& steps) {
  std::vector<float> losses;
  for (const EngineStep& step : steps)
    losses.insert(losses.end(), step.losses.begin(), step.losses.end());
  return losses;
}

// How far the jostled runs end from the way: the losses of all steps, and every tensor of weights.
class Growth {
 public:
  Growth(const SaehdTrainOptions& options, const Way& way) : way_(way) {
    for (uint64_t seed = 1; seed <= kRuns; ++seed) runs_.push_back(jostled(options, way, seed));
  }

  // Of what a run has in `range`, in units of its bound.
  double losses(const std::vector<EngineStep>& steps) const {
    const std::vector<float> mine = losses_of(way_.steps);
    double noise = 0;
    for (const std::vector<double>& bounds : way_.loss_bounds)
      for (const double bound : bounds) noise += 4 * bound * bound;  // two engines
    return relative(steps, std::sqrt(noise), [&](const std::vector<EngineStep>& run) {
      return distance(losses_of(run), mine, {0, static_cast<int64_t>(mine.size())});
    });
  }

  double weights(const std::vector<EngineStep>& steps, ArenaRange range) const {
    return relative(steps, 0, [&](const std::vector<EngineStep>& run) {
      return distance(run.back().after.weights, way_.steps.back().after.weights, range);
    });
  }

 private:
  template <class Distance>
  double relative(const std::vector<EngineStep>& steps, double more, const Distance& to_way) const {
    double sum = 0;
    for (const std::vector<EngineStep>& run : runs_) sum += to_way(run) * to_way(run);
    return to_way(steps) / (kGrown * std::sqrt(sum / kRuns) + more);
  }

  static constexpr int kRuns = 4;
  const Way& way_;
  std::vector<std::vector<EngineStep>> runs_;
};

std::vector<EngineStep> run(Engine engine, const SaehdTrainOptions& options) {
  Runner runner(engine, options);
  std::vector<EngineStep> steps;
  steps.reserve(kSteps);
  for (int i = 0; i < kSteps; ++i) steps.push_back(runner.step());
  return steps;
}

TEST_P(Parity, RunningFreeTheyStayAsCloseAsRoundingsGrow) {
  const Way way = way_of(options_);
  const Growth growth(options_, way);
  const std::vector<EngineStep> steps = run(device_engine(), options_);
  EXPECT_LE(growth.losses(steps), 1);
  options_.optimizer.learning_rate *= 1.01f;  // and no closer than that
  const std::vector<EngineStep> wrong = run(Engine::kCpu, options_);
  int noticed = 0;
  SaehdTrainer trainer(options_);
  for (size_t k = 0; k < trainer.arena().list().size(); ++k) {
    const ArenaRange range = trainer.arena().range(k);
    EXPECT_LE(growth.weights(steps, range), 1) << trainer.arena().list()[k].name;
    noticed += growth.weights(wrong, range) > 1;
  }
  EXPECT_GT(noticed, 0);
}

// Root mean square over the noisy lanes of their distance from lane 0, over one tensor.
double spread_of(const Map& lanes, ArenaRange range) {
  double sum = 0;
  for (auto i = static_cast<size_t>(range.begin); i < static_cast<size_t>(range.end); ++i)
    sum += spread(lanes[i]) * spread(lanes[i]);
  return std::sqrt(sum);
}

TEST_F(ParityPower, GradientsInBf16AreWithinEightSpreadsTensorByTensor) {
  SaehdTrainOptions options = tiny_options("df-ud");
  options.network.ae_dims = 16;
  options.network.e_dims = options.network.d_dims = options.network.d_mask_dims = 8;
  options.dtype = DType::kBF16;
  for (const Engine engine : {Engine::kCpu, device_engine()}) {
    Runner runner(engine, options);
    const ParamArena& arena = runner.trainer().arena();
    const LaneSaehd saehd(options.network, arena);
    const LaneResult lanes =
        saehd.step(runner.state().weights, runner.batch().src(), runner.batch().dst());
    const EngineStep step = runner.step();
    std::vector<float> exact;
    for (const Lanes& g : lanes.gradients) exact.push_back(static_cast<float>(g[0]));
    for (size_t i = 0; i < step.losses.size(); ++i)
      EXPECT_NEAR(step.losses[i], lanes.losses[i][0], kFactor * spread(lanes.losses[i]));
    for (size_t k = 0; k < arena.list().size(); ++k) {
      const ArenaRange range = arena.range(k);
      const std::vector<float> zero(exact.size());
      EXPECT_LE(distance(step.gradients, exact, range), 8 * spread_of(lanes.gradients, range))
          << arena.list()[k].name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Saehd,
                         Parity,
                         ::testing::Values("df-ud", "liae-udt"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace diptych::parity
