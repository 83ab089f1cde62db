// What a training session does when the sentinel finds trouble. Every action goes to metrics.jsonl
// and to the terminal.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/training/train_session.h"
#include "kernels/common/log.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// "src face 3, 5; dst face 7" from the faces of one bad step.
std::string list_faces(const std::vector<int64_t>& src, const std::vector<int64_t>& dst) {
  std::string text;
  const auto add = [&](const char* side, const std::vector<int64_t>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i == 0) text += str(text.empty() ? "" : "; ", side, " face ", ids[i]);
      if (i > 0) text += str(", ", ids[i]);
    }
  };
  add("src", src);
  add("dst", dst);
  return text;
}

int rank_of(SentinelAction action) {
  switch (action) {
    case SentinelAction::kStop:
      return 5;
    case SentinelAction::kRollBack:
      return 4;
    case SentinelAction::kLowerRate:
      return 3;
    case SentinelAction::kRaiseRate:
      return 2;
    case SentinelAction::kSkip:
      return 1;
    case SentinelAction::kNone:
      break;
  }
  return 0;
}

constexpr const char* kRemedy =
    "Look at these faces (diptych faces sheet), put bad ones in the trash, and go on with a lower "
    "learning_rate";

}  // namespace

void TrainSession::start_sentinel() {
  if (!settings_.on("train.sentinel")) return;
  sentinel_ = std::make_unique<Sentinel>(
      SentinelOptions{.rate_scale = rate_scale_, .recovery = request_.recovery});
  if (rate_scale_ == 1) return;
  trainer().set_learning_rate(
      static_cast<float>(settings_.real("train.learning_rate") * rate_scale_));
  log(LogLevel::kInfo, str("the rate is ", rate_scale_, " times the one that was asked for, since ",
                           "training was in trouble; it comes back by itself"));
}

// The faces that a bad step is laid to: those whose loss was not finite, else the whole batch.
std::string TrainSession::blame(const StepOutcome& outcome) {
  std::vector<int64_t> src, dst;
  for (const NonFiniteSample& bad : outcome.not_finite) {
    const bool is_dst = bad.term == "dst";
    const std::vector<int64_t>& ids = is_dst ? outcome.faces.dst : outcome.faces.src;
    if (bad.sample < ids.size()) (is_dst ? dst : src).push_back(ids[bad.sample]);
  }
  if (src.empty() && dst.empty()) {
    src = outcome.faces.src;
    dst = outcome.faces.dst;
  }
  for (std::vector<int64_t>* ids : {&src, &dst}) {
    std::sort(ids->begin(), ids->end());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
  }
  for (const int64_t id : src) ++blamed_[str("src face ", id)];
  for (const int64_t id : dst) ++blamed_[str("dst face ", id)];
  return list_faces(src, dst);
}

void TrainSession::judge(const StepOutcome& outcome) {
  const int64_t iteration = trainer().iteration() + (outcome.step ? 0 : 1);
  if (!sentinel_) {
    if (outcome.step) return;
    const std::string faces = blame(outcome);
    metrics_->event("not_finite", iteration, {{"faces", quoted(faces)}});
    throw InputError(
        project_.dir().string(),
        str("the loss of iteration ", iteration, " is not finite for ", faces,
            "; the weights of iteration ", saved_, " are safe in ", project_.checkpoint().string()),
        kRemedy);
  }
  SentinelStep seen{.iteration = iteration, .finite = outcome.step.has_value()};
  if (outcome.step) {
    seen.src_loss = history_.back().src;
    seen.dst_loss = history_.back().dst;
    seen.health = outcome.step->health;
  }
  const SentinelVerdict verdict = sentinel_->observe(seen);
  last_healthy_ = verdict.healthy();
  if (!verdict.healthy()) {
    const std::string faces = blame(outcome);
    receipt_->disturbed(iteration);
    if (rank_of(verdict.action) >= rank_of(urgent_.action)) urgent_faces_ = faces;
    metrics_->event("trouble", iteration,
                    {{"reason", quoted(verdict.reason)},
                     {"action", quoted(name_of(verdict.action))},
                     {"faces", quoted(faces)},
                     {"rate_scale", str(verdict.rate_scale)}});
  }
  if (rank_of(verdict.action) >= rank_of(urgent_.action)) urgent_ = verdict;
}

void TrainSession::carry_out() {
  if (urgent_.action == SentinelAction::kNone) return;
  if (urgent_.action != SentinelAction::kSkip) drain();  // it may have more to say
  const SentinelVerdict verdict = std::exchange(urgent_, {});
  const std::string where = str("iteration ", trainer().iteration() + (last_finite_ ? 0 : 1), ": ");
  switch (verdict.action) {
    case SentinelAction::kNone:
      return;
    case SentinelAction::kSkip:
      ++skipped_;
      if (skipped_ <= 5 || skipped_ % 100 == 0)
        tell(str(where, verdict.reason, " (", urgent_faces_, "); skipped this step",
                 skipped_ > 5 ? str(", ", skipped_, " in all") : ""));
      return;
    case SentinelAction::kStop:
      give_up(verdict.reason);
    case SentinelAction::kRollBack:
      tell(where + verdict.reason + " (" + urgent_faces_ + ")");
      rate_scale_ = verdict.rate_scale;
      return roll_back();
    case SentinelAction::kLowerRate:
    case SentinelAction::kRaiseRate:
      break;
  }
  rate_scale_ = verdict.rate_scale;
  const double rate = settings_.real("train.learning_rate") * rate_scale_;
  trainer().set_learning_rate(static_cast<float>(rate));
  const bool lower = verdict.action == SentinelAction::kLowerRate;
  receipt_->disturbed(trainer().iteration() + 1);
  metrics_->event(name_of(verdict.action), trainer().iteration(),
                  {{"rate", str(rate)}, {"rate_scale", str(rate_scale_)}});
  tell(where +
       (lower ? verdict.reason + " (" + urgent_faces_ + "); lowered the rate to "
              : "healthy for long; raised the rate to ") +
       str(rate));
}

// The newest checkpoint for the first try, an older one for each further try as far as there are.
std::optional<fs::path> TrainSession::way_back() const {
  std::vector<fs::path> ways;
  std::error_code error;
  if (fs::exists(project_.checkpoint(), error)) ways.push_back(project_.checkpoint());
  std::vector<TimelineEntry> kept = Timeline(project_).entries();
  std::reverse(kept.begin(), kept.end());
  for (const TimelineEntry& entry : kept)
    if (entry.iteration < saved_) ways.push_back(entry.model);
  if (ways.empty()) return std::nullopt;
  const size_t first = std::min(static_cast<size_t>(sentinel_->rollbacks()), ways.size() - 1);
  for (size_t i = 0; i < ways.size(); ++i) {
    const fs::path& way = ways[(first + i) % ways.size()];
    try {
      Safetensors::open(way.string());
      return way;
    } catch (const InputError& e) {
      tell(str("passed over: ", e.what()));
    }
  }
  return std::nullopt;
}

void TrainSession::roll_back() {
  const SamplePlace place = steps_->place();  // the same samples would lead to the same place
  const std::optional<fs::path> way = way_back();
  const int64_t from = trainer().iteration();
  steps_.reset();  // its memory first
  steps_ = std::make_unique<TrainSteps>(settings_, src_faces_, dst_faces_);
  if (way) {
    trainer().load(way->string());
    if (*way != project_.checkpoint()) restore_checkpoint(project_, *way);
  }
  saved_ = trainer().iteration();
  steps_->start(place);
  apply_repeats();
  const double rate = settings_.real("train.learning_rate") * rate_scale_;
  trainer().set_learning_rate(static_cast<float>(rate));
  std::erase_if(history_, [&](const LossPoint& p) { return p.iteration > saved_; });
  std::erase_if(holdout_history_, [&](const HoldoutPoint& p) { return p.iteration > saved_; });
  sentinel_->rolled_back();
  last_finite_ = last_healthy_ = true;
  const std::string file = way ? way->string() : "a fresh network";
  metrics_->event("roll_back", saved_,
                  {{"from", str(from)}, {"to", quoted(file)}, {"rate", str(rate)}});
  tell(str("went back from iteration ", from, " to ", saved_, " (", file, "), on with new samples ",
           "at the rate ", rate));
}

// The target is reached in trouble: what training leaves behind must be a network that is well.
bool TrainSession::went_back_from_the_end() {
  drain();
  if (!sentinel_) return false;
  urgent_ = sentinel_->at_the_end();
  const bool back = urgent_.action == SentinelAction::kRollBack;
  carry_out();
  return back;
}

void TrainSession::give_up(const std::string& reason) const {
  std::vector<std::pair<int, std::string>> worst;
  for (const auto& [face, times] : blamed_) worst.emplace_back(-times, face);
  std::sort(worst.begin(), worst.end());
  std::string faces;
  for (size_t i = 0; i < std::min<size_t>(8, worst.size()); ++i)
    faces += str(faces.empty() ? "" : ", ", worst[i].second, " (", -worst[i].first, " times)");
  const std::string diagnosis =
      str("training does not recover: ", reason, ". Going back ", sentinel_->rollbacks(),
          " times at ever lower rates did not help. In the batch when it went wrong: ", faces,
          ". The weights of iteration ", saved_, " are in ", project_.checkpoint().string());
  metrics_->event("stop", steps_->trainer().iteration(), {{"diagnosis", quoted(diagnosis)}});
  throw InputError(project_.dir().string(), diagnosis,
                   std::string(kRemedy) + ", or restore an older state (diptych timeline list)");
}

}  // namespace diptych
