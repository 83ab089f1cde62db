// What a training session leaves for people: pictures, scores, the timeline, TensorBoard events.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include <opencv2/imgproc.hpp>

#include "apps/pictures/plot.h"
#include "apps/training/train_session.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/provenance/label.h"
#include "kernels/common/log.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

constexpr int kStripWidth = 640;      // pixels
constexpr int64_t kEventsEvery = 10;  // iterations between scalars in TensorBoard's file

cv::Mat with_caption(const cv::Mat& picture, const std::string& text) {
  if (text.empty()) return picture;
  cv::Mat out;
  cv::copyMakeBorder(picture, out, 0, 22, 0, 0, cv::BORDER_CONSTANT, cv::Scalar(40, 40, 40));
  cv::putText(out, text, {4, out.rows - 7}, cv::FONT_HERSHEY_SIMPLEX, 0.4,
              cv::Scalar(225, 225, 225), 1, cv::LINE_AA);
  return out;
}

std::string caption_of(const std::optional<HoldoutScores>& s) {
  if (!s) return {};
  return str("held out: DSSIM ", format_number(s->src.dssim), " ", format_number(s->dst.dssim),
             "  sharp ", format_number(s->src.sharpness), " ", format_number(s->dst.sharpness),
             "  mask ", format_number(s->src.mask_iou), " ", format_number(s->dst.mask_iou));
}

std::vector<uint8_t> labelled(const char* name, const cv::Mat& picture) {
  return label_image(encode_png(picture), name, synthetic_label());
}

}  // namespace

void TrainSession::draw_pictures() {
  const std::string title = "iteration " + format_count(trainer().iteration());
  const Preview::Pictures shown = preview_->render(trainer().network(), trainer().options().dtype,
                                                   format_count(trainer().iteration()));
  const auto write_labelled = [&](const char* name, const cv::Mat& picture) {
    const cv::Mat captioned = with_caption(picture, caption_of(scores_));
    const std::vector<uint8_t> file = labelled(name, captioned);
    write_file_atomic(project_.out(name), file);
    if (events_ && picture.data == shown.plain.data)
      events_->image(trainer().iteration(), "preview", captioned.size(), file);
  };
  write_labelled("preview.png", shown.plain);
  write_labelled("preview_masked.png", shown.masked);
  cv::Mat plot = plot_losses(history_, "run " + request_.run + ", " + title);
  if (!holdout_history_.empty()) {
    const cv::Mat held = plot_holdout(holdout_history_, "held-out faces: DSSIM", {plot.cols, 280});
    cv::vconcat(plot, held, plot);
  }
  write_image(project_.out("loss.png"), plot);
}

void TrainSession::score_holdout() {
  if (!holdout_->any()) return;
  drain();
  const int64_t now = trainer().iteration();
  if (!holdout_history_.empty() && holdout_history_.back().iteration == now) return;
  scores_ = holdout_->score(trainer().network(), trainer().options().dtype);
  holdout_history_.push_back({now, *scores_});
  metrics_->event("holdout", now, {{"scores", to_json(*scores_)}});
  if (!events_) return;
  events_->scalars(now, {{"holdout/dssim_src", scores_->src.dssim},
                         {"holdout/dssim_dst", scores_->dst.dssim},
                         {"holdout/sharpness_src", scores_->src.sharpness},
                         {"holdout/sharpness_dst", scores_->dst.sharpness},
                         {"holdout/mask_iou_src", scores_->src.mask_iou},
                         {"holdout/mask_iou_dst", scores_->dst.mask_iou}});
}

void TrainSession::write_events(const StepRecord& r) {
  if (!events_ || (r.iteration % kEventsEvery != 0 && r.iteration != first_ + 1)) return;
  std::vector<std::pair<std::string, double>> values = {{"loss/src", r.src},
                                                        {"loss/dst", r.dst},
                                                        {"rate", r.learning_rate},
                                                        {"ms/total", r.total_ms}};
  for (const auto& [name, loss] : r.adversarial) values.emplace_back("adversarial/" + name, loss);
  for (const BlockHealth& b : r.health.blocks)
    values.emplace_back("gradient/" + b.name, b.gradient_norm);
  values.emplace_back("health/variance_src", r.health.src.variance);
  values.emplace_back("health/variance_dst", r.health.dst.variance);
  values.emplace_back("health/saturated_src", r.health.src.saturated);
  values.emplace_back("health/saturated_dst", r.health.dst.saturated);
  events_->scalars(r.iteration, values);
}

double TrainSession::trained_seconds() const {
  return trained_before_ + std::chrono::duration<double>(Clock::now() - begun_).count();
}

// The checkpoint is saved: what goes wrong here costs the entry, not the training.
void TrainSession::keep_in_timeline() {
  if (settings_.real("train.timeline_hours") <= 0) return;
  try {
    const auto [src, dst] = recent_losses();
    TimelineEntry entry;
    entry.iteration = saved_;
    entry.trained_seconds = trained_seconds();
    entry.src_loss = src;
    entry.dst_loss = dst;
    entry.scores = scores_;
    cv::Mat strip =
        preview_->render(trainer().network(), trainer().options().dtype, format_count(saved_))
            .plain;
    if (strip.cols > kStripWidth)
      cv::resize(strip, strip, {kStripWidth, strip.rows * kStripWidth / strip.cols}, 0, 0,
                 cv::INTER_AREA);
    Timeline(project_).keep(entry, labelled("strip", with_caption(strip, caption_of(scores_))));
    metrics_->event("kept", saved_);
    thin_timeline();
  } catch (const Error& e) {
    log(LogLevel::kWarning, str("the timeline was not brought up to date: ", e.what()));
  }
}

// What goes is named in metrics.jsonl and on the terminal before it goes.
void TrainSession::thin_timeline() {
  const Timeline timeline(project_);
  const ThinningSchedule schedule{
      .keep_seconds = settings_.real("train.timeline_hours") * 3600,
      .per_doubling = static_cast<int>(settings_.integer("train.timeline_per_doubling")),
      .most_bytes = static_cast<uint64_t>(settings_.real("train.timeline_gb") * 1e9)};
  const std::vector<TimelineEntry> gone = timeline.to_thin(trained_seconds(), schedule);
  const std::vector<fs::path> leftovers = timeline.leftovers();
  if (gone.empty() && leftovers.empty()) return;
  std::string iterations, files;
  for (const TimelineEntry& e : gone) iterations += str(iterations.empty() ? "" : ",", e.iteration);
  for (const fs::path& f : leftovers)
    files += str(files.empty() ? "\"" : ",\"", f.filename().string(), "\"");
  metrics_->event("thinning", saved_,
                  {{"iterations", "[" + iterations + "]"}, {"leftovers", "[" + files + "]"}});
  if (!gone.empty()) tell("timeline: thinning out iterations " + iterations);
  for (const TimelineEntry& e : gone) timeline.remove(e);
  for (const fs::path& f : leftovers) {
    std::error_code error;
    fs::remove(f, error);
  }
}

}  // namespace diptych
