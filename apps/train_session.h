// TrainSession: the training loop of one project: samples, steps, metrics, pictures, saves, stops.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/metrics.h"
#include "apps/preview.h"
#include "apps/progress.h"
#include "apps/project.h"
#include "apps/train_data.h"
#include "faces/sample/device_sampler.h"

namespace diptych {

struct TrainRequest {
  Settings settings;           // resolved: project.toml, then --set, then flags
  std::string run = "main";    // runs/NAME
  int64_t iterations = 0;      // to do now; 0: until target_iter, or until stopped
  std::function<bool()> stop;  // asked after every iteration
  // Told what a hard stop would lose; called after every iteration.
  std::function<void(int64_t iteration, int64_t saved)> at_risk;
};

struct TrainResult {
  int64_t first = 0, last = 0;  // iterations before and after
  double src = 0, dst = 0;      // mean losses of the last iterations
  double seconds = 0;
  bool stopped = false;  // by request.stop
};

class TrainSession {
 public:
  // Loads faces, model and history, and makes its stream the calling thread's for its lifetime.
  // Throws InputError: no faces, settings that do not fit the checkpoint, damaged checkpoint, an
  // engine that cannot run here.
  TrainSession(const Project& project, const TrainRequest& request);

  // Trains and saves at the end. A full disk ends it with an InputError; the checkpoint is then the
  // last one that was saved whole. A loss that is not finite ends it with an InputError that names
  // the faces.
  TrainResult run();

  SaehdTrainer& trainer() { return *trainer_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct StepFaces {  // ids of a batch
    std::vector<int64_t> src, dst;
  };

  void load_checkpoint();
  void start_samplers(uint64_t next_src, uint64_t next_dst);
  void store_settings() const;
  void announce() const;
  void warn_of_full_disk() const;
  void iterate(Progress& progress);
  void step_from_host();
  void submit_on_device();
  void collect_from_device();
  void drain();
  SaehdStep naming_faces(const std::function<SaehdStep()>& step, const StepFaces& faces);
  void record(const SaehdStep& step, const StepFaces& faces);
  void draw_pictures();
  void save();
  void or_save(const std::function<void()>& write);
  void begin();
  bool loop(Progress& progress);
  std::pair<double, double> recent_losses() const;
  bool due_for_save(Clock::time_point since) const;
  int64_t last_iteration() const;

  // First: everything below lives where it computes.
  Stream stream_;
  StreamGuard guard_;
  const Project& project_;
  TrainRequest request_;
  const Settings& settings_;
  std::unique_ptr<SaehdTrainer> trainer_;
  std::unique_ptr<Sampler> src_sampler_, dst_sampler_;  // these, or those of the device
  std::unique_ptr<DeviceSampler> src_on_device_, dst_on_device_;

  std::deque<StepFaces> under_way_;  // of steps submitted and not collected
  std::unique_ptr<Preview> preview_;
  std::unique_ptr<MetricsWriter> metrics_;
  std::vector<Face> src_faces_, dst_faces_;
  std::vector<LossPoint> history_;
  LossTally src_tally_, dst_tally_;
  bool keep_tallies_ = true;
  int64_t first_ = 0, saved_ = 0;
  double wait_ms_ = 0, step_ms_ = 0;
  Clock::time_point last_step_;
};

}  // namespace diptych
