// Samples into the trainer, losses out of it.
// SPDX-License-Identifier: MIT
#include "apps/training/train_steps.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/common/check.h"
#include "tensor/tensor.h"

namespace diptych {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

SaehdSide side_of(const SampleBatch& b) {
  const Shape picture{b.n, b.resolution, b.resolution, 3}, mask{b.n, b.resolution, b.resolution, 1};
  SaehdSide side{{b.warped.data(), picture}, {b.target.data(), picture}, {b.mask.data(), mask}, {}};
  if (!b.eyes_mouth.empty()) side.eyes_mouth = {b.eyes_mouth.data(), mask};
  return side;
}

}  // namespace

TrainSteps::TrainSteps(const Settings& settings,
                       const std::vector<Face>& src,
                       const std::vector<Face>& dst)
    : settings_(settings),
      src_faces_(src),
      dst_faces_(dst),
      trainer_(std::make_unique<SaehdTrainer>(train_options(settings))) {}

void TrainSteps::start(const SamplePlace& place) {
  const auto batch = static_cast<int>(settings_.integer("train.batch_size"));
  const auto seed = static_cast<uint64_t>(settings_.integer("train.seed"));
  const SampleOptions src = sample_options(settings_, Side::kSrc),
                      dst = sample_options(settings_, Side::kDst);
  const std::vector<Face> none;
  const std::vector<Face>& references = src.ct_mode == "none" ? none : dst_faces_;
  const Stream& stream = current_stream();
  const bool on_device = stream.on_device() && settings_.on("train.device_sampler") &&
                         DeviceSampler::supports(src) && DeviceSampler::supports(dst);
  if (!on_device) {
    const int threads = std::clamp(stream.threads() / 4, 1, 8);
    src_sampler_ =
        std::make_unique<Sampler>(src_faces_, references, src, batch, seed, 0, place.src, threads);
    dst_sampler_ =
        std::make_unique<Sampler>(dst_faces_, none, dst, batch, seed, 1, place.dst, threads);
    return;
  }
  src_on_device_ =
      std::make_unique<DeviceSampler>(src_faces_, references, src, batch, seed, 0, place.src);
  dst_on_device_ =
      std::make_unique<DeviceSampler>(dst_faces_, none, dst, batch, seed, 1, place.dst);
  trainer_->set_source([this](const SaehdBatch& b) {
    const Shape& both = b.warped().shape();
    const Shape picture{both[0] / 2, both[1], both[2], 3};
    const auto view = [](const Tensor& t) { return t.defined() ? t.mut() : MutView{}; };
    const auto output = [&](int64_t first, const SaehdBatch::Side& side) {
      return ImageWarpOutput{b.warped().part(first, picture), side.target, side.mask,
                             view(side.eyes_mouth)};
    };
    src_on_device_->run(output(0, b.src()));
    dst_on_device_->run(output(picture.numel(), b.dst()));
  });
}

void TrainSteps::set_repeats(const std::vector<int>& src, const std::vector<int>& dst) {
  DIPTYCH_CHECK(!under_way(), "TrainSteps::set_repeats: a step is under way");
  if (src_on_device_) {
    src_on_device_->set_repeats(src);
    dst_on_device_->set_repeats(dst);
  } else {
    src_sampler_->set_repeats(src);
    dst_sampler_->set_repeats(dst);
  }
}

StepOutcome TrainSteps::attempt(const std::function<SaehdStep()>& step, StepFaces faces) {
  StepOutcome outcome;
  outcome.faces = std::move(faces);
  const auto start = Clock::now();
  try {
    outcome.step = step();
  } catch (const NonFiniteLoss& e) {
    outcome.error = e.what();
    outcome.not_finite = e.samples();
  }
  outcome.step_ms = milliseconds(Clock::now() - start);
  return outcome;
}

StepOutcome TrainSteps::step_from_host(const std::function<void()>& before) {
  const auto start = Clock::now();
  const SampleBatch src = src_sampler_->next(), dst = dst_sampler_->next();
  const double wait_ms = milliseconds(Clock::now() - start);
  if (before) before();
  StepOutcome outcome = attempt([&] { return trainer_->step(side_of(src), side_of(dst)); },
                                {src.face_ids, dst.face_ids});
  outcome.wait_ms = wait_ms;
  return outcome;
}

// One step is always under way while the host looks after the one before it.
void TrainSteps::submit_on_device(int64_t last, const std::function<void()>& before) {
  while (trainer_->in_flight() < 2 && (under_way_.empty() || last == 0 ||
                                       trainer_->iteration() + trainer_->in_flight() < last)) {
    under_way_.push_back({src_on_device_->advance(), dst_on_device_->advance()});
    if (before) before();
    trainer_->submit();
  }
}

StepOutcome TrainSteps::collect() {
  StepFaces faces = std::move(under_way_.front());
  under_way_.pop_front();
  return attempt([&] { return trainer_->collect(); }, std::move(faces));
}

StepOutcome TrainSteps::next(int64_t last, const std::function<void()>& before) {
  if (!src_on_device_) return step_from_host(before);
  submit_on_device(last, before);
  return collect();
}

SamplePlace TrainSteps::place() const {
  if (src_on_device_) return {src_on_device_->next_sample(), dst_on_device_->next_sample()};
  return {src_sampler_->next_sample(), dst_sampler_->next_sample()};
}

}  // namespace diptych
