// The training loop.
// SPDX-License-Identifier: MIT
#include "apps/training/train_session.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <tuple>

#include "faces/image/file_io.h"
#include "kernels/common/log.h"
#include "tensor/tensor.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

double milliseconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

double mean_of(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

template <class T>
T number_in(const Metadata& metadata, const std::string& key, T fallback) {
  const auto it = metadata.find(key);
  T value{};
  if (it == metadata.end()) return fallback;
  const char* end = it->second.data() + it->second.size();
  const auto [at, error] = std::from_chars(it->second.data(), end, value);
  return error == std::errc() && at == end ? value : fallback;
}

}  // namespace

TrainSession::TrainSession(const Project& project, const TrainRequest& request)
    : stream_(engine_of(request.settings, "train"),
              static_cast<int>(request.settings.integer("train.threads"))),
      guard_(stream_),
      project_(project),
      request_(request),
      settings_(request_.settings) {
  settings_.validate("settings");
  project.make_folders(request.run);
  lock_ = std::make_unique<ProjectLock>(project);
  const FaceType type = face_type_from(settings_.word("train.face_type"));
  TrainingFaces faces = load_training_faces(project, settings_);
  src_faces_ = std::move(faces.src);
  dst_faces_ = std::move(faces.dst);
  keep_tallies_ = !settings_.on("train.pretrain");  // those faces are not the project's
  const PrepareOptions prepare{static_cast<int>(settings_.integer("train.resolution")), type,
                               false};
  const int64_t every = settings_.integer("train.holdout_every");
  const std::vector<Face> src_held = take_holdout(src_faces_, every),
                          dst_held = take_holdout(dst_faces_, every);
  holdout_ = std::make_unique<Holdout>(src_held, dst_held, prepare);
  load_checkpoint();
  preview_ = std::make_unique<Preview>(src_faces_, dst_faces_, prepare,
                                       static_cast<int>(settings_.integer("train.preview_faces")));
  const fs::path metrics = project_.run(request.run) / "metrics.jsonl";
  history_ = read_losses(metrics);
  std::erase_if(history_, [&](const LossPoint& p) { return p.iteration > first_; });
  holdout_history_ = read_holdout(metrics);
  std::erase_if(holdout_history_, [&](const HoldoutPoint& p) { return p.iteration > first_; });
  for (const TimelineEntry& e : Timeline(project_).entries())
    if (e.iteration <= first_) trained_before_ = std::max(trained_before_, e.trained_seconds);
  store_settings();
}

void TrainSession::load_checkpoint() {
  const std::string path = project_.checkpoint().string();
  std::error_code error;
  const bool resume = fs::exists(path, error);
  if (!resume && fs::exists(path + ".prev", error)) {
    throw InputError(path, "is missing, but the checkpoint before it is there",
                     "Rename " + path + ".prev to go on from it, or move it away to start anew");
  }
  if (resume) check_fixed_settings(Safetensors::open(path), settings_);
  steps_ = std::make_unique<TrainSteps>(settings_, src_faces_, dst_faces_);
  const Metadata metadata = resume ? trainer().load(path) : Metadata{};
  fresh_ = !resume;
  // Pretraining counted iterations of its own: its states are no way back for what begins now.
  if (trainer().pretraining_ended()) Timeline(project_).put_aside();
  for (const char* key : {"from", "imported_from"})
    if (metadata.count(key)) origin_[key] = metadata.at(key);
  first_ = saved_ = trainer().iteration();
  rate_scale_ = number_in(metadata, "sentinel_rate_scale", 1.0);
  if (!(rate_scale_ > 0 && rate_scale_ <= 1)) rate_scale_ = 1;
  const auto done = static_cast<uint64_t>(first_ * settings_.integer("train.batch_size"));
  steps_->start(
      {number_in(metadata, "src_next_sample", done), number_in(metadata, "dst_next_sample", done)});
  start_oversampling(metadata);
}

void TrainSession::store_settings() const {
  std::string text = str("# Settings in force from iteration ", first_, " on.\n");
  text += settings_.toml_section("train", false);
  write_file_atomic(project_.run(request_.run) / "settings.toml",
                    {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void TrainSession::announce() const {
  SaehdTrainer& trainer = steps_->trainer();
  const SaehdConfig& net = trainer.options().network;
  log(LogLevel::kInfo,
      str(first_ == 0 ? "new model: " : "model: ", net.archi(), ' ', net.resolution, ", ae ",
          net.ae_dims, " e ", net.e_dims, " d ", net.d_dims, " mask ", net.d_mask_dims, ", ",
          format_count(trainer.arena().parameter_count()), " parameters, iteration ",
          format_count(first_)));
  log(LogLevel::kInfo,
      str("faces: ", format_count(static_cast<int64_t>(src_faces_.size())), " src, ",
          format_count(static_cast<int64_t>(dst_faces_.size())), " dst; batch ",
          trainer.options().batch_size, ", ", name_of(trainer.options().dtype), ", engine ",
          name_of(stream_.engine()), ", ", current_stream().threads(), " threads"));
}

// Said before the work, not after the first quarter of an hour.
void TrainSession::warn_of_full_disk() const {
  SaehdTrainer& trainer = steps_->trainer();
  const auto moments = static_cast<int64_t>(trainer.optimizer().moments().size());
  const auto bytes = static_cast<double>(trainer.arena().parameter_count() * 4 * (1 + moments));
  std::error_code error;
  const fs::space_info space = fs::space(project_.dir(), error);
  if (error || static_cast<double>(space.available) > 1.1 * bytes) return;
  log(LogLevel::kWarning, str("a save needs ", format_bytes(bytes), ", only ",
                              format_bytes(static_cast<double>(space.available)), " are free in ",
                              project_.dir().string(), ": free some space before the first save"));
}

// Above the progress line.
void TrainSession::tell(const std::string& line) const {
  if (progress_ != nullptr) {
    progress_->message(line);
  } else {
    log(LogLevel::kInfo, line);
  }
}

int64_t TrainSession::last_iteration() const {
  const int64_t target = settings_.integer("train.target_iter");
  int64_t last = request_.iterations > 0 ? first_ + request_.iterations : 0;
  if (target > 0) last = last > 0 ? std::min(last, target) : target;
  return last;
}

// Up to where steps may be under way: a receipt wants to see the weights when nothing is, and a
// review of the losses changes the samples from there on.
int64_t TrainSession::last_of_batch() const {
  int64_t last = last_iteration();
  const auto limit = [&](int64_t at) { last = last > 0 ? std::min(last, at) : at; };
  if (receipt_->recording()) limit(RunReceipt::kSteps);
  if (oversampling_->on()) limit(oversampling_->next_review(steps_->trainer().iteration()));
  return last;
}

void TrainSession::record(const StepOutcome& outcome) {
  const SaehdStep& step = *outcome.step;
  StepRecord r;
  r.iteration = trainer().iteration();
  r.time = now_seconds();
  r.src = mean_of(step.src_loss);
  r.dst = mean_of(step.dst_loss);
  r.src_loss = step.src_loss;
  r.dst_loss = step.dst_loss;
  r.src_faces = outcome.faces.src;
  r.dst_faces = outcome.faces.dst;
  const std::pair<const char*, const std::vector<float>&> adversarial[] = {
      {"gan", step.gan},
      {"true_face", step.true_face},
      {"gan_discriminator", step.gan_discriminator},
      {"true_face_discriminator", step.true_face_discriminator}};
  for (const auto& [name, losses] : adversarial)
    if (!losses.empty()) r.adversarial.emplace_back(name, mean_of(losses));
  r.learning_rate = trainer().optimizer().current_rate();
  r.health = step.health;
  r.wait_ms = outcome.wait_ms;
  r.step_ms = outcome.step_ms;
  r.total_ms = milliseconds(Clock::now() - last_step_);
  last_step_ = Clock::now();
  add_loss_point(history_, {r.iteration, static_cast<float>(r.src), static_cast<float>(r.dst)});
  src_tally_.add(outcome.faces.src, step.src_loss);
  dst_tally_.add(outcome.faces.dst, step.dst_loss);
  oversampling_->add(Side::kSrc, outcome.faces.src, step.src_loss);
  oversampling_->add(Side::kDst, outcome.faces.dst, step.dst_loss);
  or_save([&] {
    metrics_->write(r);
    write_events(r);
  });
}

// Means of the last 20 iterations: single batches jump too much to read.
std::pair<double, double> TrainSession::recent_losses() const {
  const size_t n = std::min<size_t>(20, history_.size());
  double src = 0, dst = 0;
  for (size_t i = history_.size() - n; i < history_.size(); ++i) {
    src += history_[i].src / static_cast<double>(n);
    dst += history_[i].dst / static_cast<double>(n);
  }
  return {src, dst};
}

void TrainSession::absorb(const StepOutcome& outcome) {
  last_finite_ = outcome.step.has_value();
  if (outcome.step) {
    record(outcome);
    receipt_->add(*outcome.step, trainer());
  }
  judge(outcome);
  if (outcome.step) review_losses();  // here: draining may be what reaches the iteration
}

void TrainSession::drain() {
  while (steps_->under_way()) absorb(steps_->collect());
}

void TrainSession::iterate(Progress& progress) {
  absorb(steps_->next(last_of_batch(), [this] {
    if (request_.disturb) request_.disturb(trainer(), attempt_);
    ++attempt_;
  }));
  carry_out();
  const auto [src_mean, dst_mean] = recent_losses();
  const int64_t last = last_iteration();
  progress.update(trainer().iteration(),
                  str(last > 0 ? "" : str(format_duration(progress.elapsed()), "  "), "loss src ",
                      format_number(src_mean), " dst ", format_number(dst_mean)));
}

void TrainSession::save() {
  drain();
  Metadata extra = remembered_settings(settings_);
  const SamplePlace place = steps_->place();
  extra["src_next_sample"] = std::to_string(place.src);
  extra["dst_next_sample"] = std::to_string(place.dst);
  if (rate_scale_ < 1) extra["sentinel_rate_scale"] = str(rate_scale_);
  extra.insert(origin_.begin(), origin_.end());
  keep_oversampling(extra);
  extra["consent_src"] = project_.record(Side::kSrc).consent;
  extra["consent_dst"] = project_.record(Side::kDst).consent;
  try {
    trainer().save(project_.checkpoint().string(), extra);
  } catch (const Error&) {
    log(LogLevel::kInfo, str("iteration ", trainer().iteration(),
                             " could not be saved; the checkpoint of iteration ", saved_,
                             saved_ == 0 ? " was never written" : " is whole"));
    throw;
  }
  saved_ = trainer().iteration();
  metrics_->event("saved", saved_);
  receipt_->store(saved_, recent_losses(), scores_, trainer());
  keep_in_timeline();
  if (!keep_tallies_) return;
  try {
    src_tally_.store(project_.faces(Side::kSrc));
    dst_tally_.store(project_.faces(Side::kDst));
  } catch (const Error& e) {
    keep_tallies_ = false;
    log(LogLevel::kWarning, str("losses per face are not stored any more: ", e.what()));
  }
}

// A network in trouble does not take the place of one that was well. After a step that was left out
// the weights are still those of the step before, unless they are what is broken.
bool TrainSession::worth_saving() const {
  if (!sentinel_ || last_healthy_) return true;
  if (last_finite_) return false;
  const std::vector<float> weights = steps_->trainer().arena().weights().to_host();
  return std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w); });
}

bool TrainSession::due_for_save(int64_t now, Clock::time_point since) const {
  if (sentinel_ && !sentinel_->calm()) return false;
  const int64_t every = settings_.integer("train.save_every_iters");
  if (every > 0 && now % every == 0) return true;
  return milliseconds(Clock::now() - since) >= settings_.real("train.save_minutes") * 60000.0;
}

// Metrics and pictures fill the disk first: what was learnt is saved before the error goes on.
void TrainSession::or_save(const std::function<void()>& write) {
  try {
    write();
  } catch (const InputError&) {
    try {
      if (trainer().iteration() > saved_ && worth_saving()) save();
    } catch (const Error& e) {
      log(LogLevel::kInfo, e.what());
    }
    throw;
  }
}

void TrainSession::begin() {
  announce();
  warn_of_full_disk();
  const fs::path run = project_.run(request_.run);
  metrics_ = std::make_unique<MetricsWriter>(run / "metrics.jsonl");
  if (settings_.on("train.tensorboard")) events_ = std::make_unique<EventFile>(run);
  receipt_ = std::make_unique<RunReceipt>(run / "receipt.json", settings_, stream_, src_faces_,
                                          dst_faces_, first_, fresh_, !origin_.empty());
  std::vector<std::pair<std::string, std::string>> start;
  for (const auto& [key, value] : settings_.all()) {
    if (key.rfind("train.", 0) == 0) start.emplace_back(key, value);
  }
  metrics_->event("start", first_, start);
  start_sentinel();
  if (last_iteration() > 0 && first_ >= last_iteration()) {
    log(LogLevel::kInfo, str("nothing to do: target_iter = ",
                             settings_.integer("train.target_iter"), " is reached"));
  }
}

bool TrainSession::loop(Progress& progress) {
  const int64_t last = last_iteration(), preview_every = settings_.integer("train.preview_every");
  const int64_t score_every = settings_.integer("train.holdout_steps");
  auto last_save = Clock::now();
  begun_ = last_step_ = Clock::now();
  if (request_.at_risk) request_.at_risk(first_, saved_);
  do {
    while (last == 0 || trainer().iteration() < last) {
      iterate(progress);
      const int64_t now = trainer().iteration();
      if (request_.at_risk) request_.at_risk(now, saved_);
      if (request_.stop && request_.stop()) return true;
      if (!last_finite_) continue;
      if (now % score_every == 0) or_save([&] { score_holdout(); });
      if (preview_every > 0 && now % preview_every == 0) or_save([&] { draw_pictures(); });
      if (due_for_save(now, last_save)) {
        save();
        if (preview_every == 0) draw_pictures();
        last_save = Clock::now();
      }
    }
  } while (went_back_from_the_end());
  return false;
}

TrainResult TrainSession::run() {
  begin();
  Progress progress("train", "it", last_iteration(), first_);
  progress_ = &progress;
  TrainResult result;
  result.first = first_;
  result.stopped = loop(progress);
  drain();
  if (trainer().iteration() != first_) progress.finish();
  progress_ = nullptr;
  if (trainer().iteration() != saved_) {
    if (worth_saving()) {
      if (holdout_->any() && last_finite_) score_holdout();
      save();
    } else {
      log(LogLevel::kInfo, str("iteration ", trainer().iteration(),
                               " was not saved, it was in trouble; the checkpoint of iteration ",
                               saved_, " stands"));
    }
  }
  draw_pictures();
  result.last = trainer().iteration();
  std::tie(result.src, result.dst) = recent_losses();
  result.seconds = progress.elapsed();
  return result;
}

}  // namespace diptych
