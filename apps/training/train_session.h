// TrainSession: the training loop of one project: samples, steps, metrics, pictures, saves, stops,
// and what happens when training goes wrong.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/project/project.h"
#include "apps/project/project_lock.h"
#include "apps/terminal/progress.h"
#include "apps/training/event_file.h"
#include "apps/training/holdout.h"
#include "apps/training/metrics.h"
#include "apps/training/oversampling.h"
#include "apps/training/preview.h"
#include "apps/training/receipt.h"
#include "apps/training/timeline.h"
#include "apps/training/train_steps.h"
#include "models/saehd/sentinel.h"

namespace diptych {

struct TrainRequest {
  Settings settings;           // resolved: project.toml, then --set, then flags
  std::string run = "main";    // runs/NAME
  int64_t iterations = 0;      // to do now; 0: until target_iter, or until stopped
  std::function<bool()> stop;  // asked after every iteration
  // Told what a hard stop would lose; called after every iteration.
  std::function<void(int64_t iteration, int64_t saved)> at_risk;
  int64_t review_every = Oversampling::kEvery;  // iterations
  int64_t recovery = kSentinelRecovery;         // healthy steps before a lowered rate rises
  // Called before every attempt at a step, the first is 0: lessons and tests break things here.
  std::function<void(SaehdTrainer&, int64_t attempt)> disturb;
};

struct TrainResult {
  int64_t first = 0, last = 0;  // iterations before and after
  double src = 0, dst = 0;      // mean losses of the last iterations
  double seconds = 0;
  bool stopped = false;  // by request.stop
};

class TrainSession {
 public:
  // Loads faces, model and history, and makes its stream the calling thread's for its lifetime; no
  // other session may use the project meanwhile. Throws InputError: no faces, settings that do not
  // fit the checkpoint, damaged checkpoint, an engine that cannot run here, a project in use.
  TrainSession(const Project& project, const TrainRequest& request);

  // Trains and saves at the end. A full disk ends it with an InputError; the checkpoint is then the
  // last one that was saved whole. When the sentinel cannot mend it, or is off and a loss is not
  // finite, an InputError says what was seen and with which faces.
  TrainResult run();

  SaehdTrainer& trainer() { return steps_->trainer(); }

 private:
  using Clock = std::chrono::steady_clock;

  // train_session.cpp
  void load_checkpoint();
  void store_settings() const;
  void announce() const;
  void warn_of_full_disk() const;
  void begin();
  bool loop(Progress& progress);
  void iterate(Progress& progress);
  void drain();
  void absorb(const StepOutcome& outcome);
  void record(const StepOutcome& outcome);
  void save();
  bool worth_saving() const;
  void or_save(const std::function<void()>& write);
  bool due_for_save(int64_t now, Clock::time_point since) const;
  std::pair<double, double> recent_losses() const;
  int64_t last_iteration() const;
  int64_t last_of_batch() const;
  void tell(const std::string& line) const;

  // train_rescue.cpp
  void start_sentinel();
  void judge(const StepOutcome& outcome);
  void carry_out();
  void roll_back();
  bool went_back_from_the_end();
  std::optional<std::filesystem::path> way_back() const;
  std::string blame(const StepOutcome& outcome);
  [[noreturn]] void give_up(const std::string& reason) const;

  // train_outputs.cpp
  void draw_pictures();
  void score_holdout();
  void keep_in_timeline();
  void thin_timeline();
  void write_events(const StepRecord& r);
  double trained_seconds() const;

  // train_oversampling.cpp
  void start_oversampling(const Metadata& metadata);
  void apply_repeats();
  void review_losses();
  void keep_oversampling(Metadata& metadata) const;

  // First: everything below lives where it computes.
  Stream stream_;
  StreamGuard guard_;
  const Project& project_;
  TrainRequest request_;
  const Settings& settings_;
  std::unique_ptr<ProjectLock> lock_;
  std::vector<Face> src_faces_, dst_faces_;
  std::unique_ptr<TrainSteps> steps_;
  std::unique_ptr<Preview> preview_;
  std::unique_ptr<Holdout> holdout_;
  std::optional<HoldoutScores> scores_;  // newest
  std::vector<HoldoutPoint> holdout_history_;
  std::unique_ptr<MetricsWriter> metrics_;
  std::unique_ptr<EventFile> events_;
  std::unique_ptr<RunReceipt> receipt_;
  std::unique_ptr<Sentinel> sentinel_;  // null: off
  SentinelVerdict urgent_;              // the strongest one that waits to be carried out
  std::string urgent_faces_;
  std::map<std::string, int> blamed_;  // "src face 3" -> bad steps it was in
  int64_t skipped_ = 0;
  bool last_finite_ = true, last_healthy_ = true;  // of the last step
  int64_t attempt_ = 0;
  std::vector<LossPoint> history_;
  LossTally src_tally_, dst_tally_;
  std::unique_ptr<Oversampling> oversampling_;
  bool keep_tallies_ = true;
  int64_t first_ = 0, saved_ = 0;
  bool fresh_ = true;  // weights of the seed: there was no checkpoint
  Metadata origin_;    // where the weights came from, kept in every save
  double rate_scale_ = 1, trained_before_ = 0;
  Clock::time_point begun_, last_step_;
  Progress* progress_ = nullptr;
};

}  // namespace diptych
