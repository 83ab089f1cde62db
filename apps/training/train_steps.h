// TrainSteps: the network of a project and the samples it learns from, step by step, on whichever
// engine: what a training session and the repetition of a run have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/training/train_data.h"
#include "faces/sample/device_sampler.h"
#include "models/saehd/non_finite_loss.h"

namespace diptych {

struct StepFaces {  // ids of a batch
  std::vector<int64_t> src, dst;
};

// Numbers of the samples that come next: what a checkpoint keeps of the samplers.
struct SamplePlace {
  uint64_t src = 0, dst = 0;
};

struct StepOutcome {
  std::optional<SaehdStep> step;            // empty: not finite, its update was left out
  std::string error;                        // then: the trainer's words
  std::vector<NonFiniteSample> not_finite;  // and samples
  StepFaces faces;
  double wait_ms = 0;  // waiting for samples
  double step_ms = 0;  // forward, backward and update; on a device, waiting for them
};

class TrainSteps {
 public:
  // On current_stream(). The faces must outlive it. Fresh weights of the seed; load() follows.
  TrainSteps(const Settings& settings, const std::vector<Face>& src, const std::vector<Face>& dst);

  // Starts the samplers at `place`; to be called once, before the first step.
  void start(const SamplePlace& place);

  // How often the faces of each side come from the next step on (Sampler::set_repeats). Nothing may
  // be under way.
  void set_repeats(const std::vector<int>& src, const std::vector<int>& dst);

  // The next step. On a device another one is then under way, unless it would be the one after
  // `last` (0: no last). `before` is called before each step is set going.
  StepOutcome next(int64_t last, const std::function<void()>& before = {});

  // What is under way on a device has changed the weights: it belongs to what is saved and told.
  bool under_way() const { return !under_way_.empty(); }

  StepOutcome collect();

  // Of the next sample that no step, not even one under way, has used.
  SamplePlace place() const;

  SaehdTrainer& trainer() { return *trainer_; }

 private:
  StepOutcome attempt(const std::function<SaehdStep()>& step, StepFaces faces);
  StepOutcome step_from_host(const std::function<void()>& before);
  void submit_on_device(int64_t last, const std::function<void()>& before);

  Settings settings_;
  const std::vector<Face>&src_faces_, &dst_faces_;
  std::unique_ptr<SaehdTrainer> trainer_;
  std::unique_ptr<Sampler> src_sampler_, dst_sampler_;  // these, or those of the device
  std::unique_ptr<DeviceSampler> src_on_device_, dst_on_device_;
  std::deque<StepFaces> under_way_;  // submitted and not collected
};

}  // namespace diptych
