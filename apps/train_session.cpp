// The training loop.
// SPDX-License-Identifier: MIT
#include "apps/train_session.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <tuple>

#include <opencv2/core.hpp>

#include "apps/plot.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/provenance/label.h"
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

SaehdSide side_of(const SampleBatch& b) {
  const Shape picture{b.n, b.resolution, b.resolution, 3}, mask{b.n, b.resolution, b.resolution, 1};
  SaehdSide side{{b.warped.data(), picture}, {b.target.data(), picture}, {b.mask.data(), mask}, {}};
  if (!b.eyes_mouth.empty()) side.eyes_mouth = {b.eyes_mouth.data(), mask};
  return side;
}

uint64_t counter_of(const Metadata& metadata, const std::string& key, uint64_t fallback) {
  const auto it = metadata.find(key);
  uint64_t value = 0;
  if (it == metadata.end()) return fallback;
  const char* end = it->second.data() + it->second.size();
  const auto [at, error] = std::from_chars(it->second.data(), end, value);
  return error == std::errc() && at == end ? value : fallback;
}

// The trainer names samples by their place in the batch; people know faces by their ids.
std::string faces_behind(const std::string& message,
                         const std::string& side,
                         const std::vector<int64_t>& ids) {
  std::string list;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (message.find(str(side, " sample ", i, " (")) != std::string::npos)
      list += str(list.empty() ? side + " face " : ", ", ids[i]);
  }
  return list;
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
  const FaceType type = face_type_from(settings_.word("train.face_type"));
  src_faces_ = load_faces(project.faces(Side::kSrc), type);
  dst_faces_ = load_faces(project.faces(Side::kDst), type);
  load_checkpoint();
  const PrepareOptions prepare{static_cast<int>(settings_.integer("train.resolution")), type,
                               false};
  preview_ = std::make_unique<Preview>(src_faces_, dst_faces_, prepare,
                                       static_cast<int>(settings_.integer("train.preview_faces")));
  history_ = read_losses(project.run(request.run) / "metrics.jsonl");
  std::erase_if(history_, [&](const LossPoint& p) { return p.iteration > first_; });
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
  trainer_ = std::make_unique<SaehdTrainer>(train_options(settings_));
  const Metadata metadata = resume ? trainer_->load(path) : Metadata{};
  first_ = saved_ = trainer_->iteration();
  const auto done = static_cast<uint64_t>(first_ * settings_.integer("train.batch_size"));
  start_samplers(counter_of(metadata, "src_next_sample", done),
                 counter_of(metadata, "dst_next_sample", done));
}

void TrainSession::start_samplers(uint64_t next_src, uint64_t next_dst) {
  const auto batch = static_cast<int>(settings_.integer("train.batch_size"));
  const auto seed = static_cast<uint64_t>(settings_.integer("train.seed"));
  const SampleOptions src = sample_options(settings_, Side::kSrc),
                      dst = sample_options(settings_, Side::kDst);
  const std::vector<Face> none;
  const std::vector<Face>& references = src.ct_mode == "none" ? none : dst_faces_;
  const bool on_device = stream_.on_device() && settings_.on("train.device_sampler") &&
                         DeviceSampler::supports(src) && DeviceSampler::supports(dst);
  if (!on_device) {
    const int threads = std::clamp(stream_.threads() / 4, 1, 8);
    src_sampler_ =
        std::make_unique<Sampler>(src_faces_, references, src, batch, seed, 0, next_src, threads);
    dst_sampler_ =
        std::make_unique<Sampler>(dst_faces_, none, dst, batch, seed, 1, next_dst, threads);
    return;
  }
  src_on_device_ =
      std::make_unique<DeviceSampler>(src_faces_, references, src, batch, seed, 0, next_src);
  dst_on_device_ = std::make_unique<DeviceSampler>(dst_faces_, none, dst, batch, seed, 1, next_dst);
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

void TrainSession::store_settings() const {
  std::string text = str("# Settings in force from iteration ", first_, " on.\n");
  text += settings_.toml_section("train", false);
  write_file_atomic(project_.run(request_.run) / "settings.toml",
                    {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void TrainSession::announce() const {
  const SaehdConfig& net = trainer_->options().network;
  log(LogLevel::kInfo,
      str(first_ == 0 ? "new model: " : "model: ", net.archi(), ' ', net.resolution, ", ae ",
          net.ae_dims, " e ", net.e_dims, " d ", net.d_dims, " mask ", net.d_mask_dims, ", ",
          format_count(trainer_->arena().parameter_count()), " parameters, iteration ",
          format_count(first_)));
  log(LogLevel::kInfo,
      str("faces: ", format_count(static_cast<int64_t>(src_faces_.size())), " src, ",
          format_count(static_cast<int64_t>(dst_faces_.size())), " dst; batch ",
          trainer_->options().batch_size, ", ", name_of(trainer_->options().dtype), ", engine ",
          name_of(stream_.engine()), ", ", current_stream().threads(), " threads"));
}

// Said before the work, not after the first quarter of an hour.
void TrainSession::warn_of_full_disk() const {
  const auto moments = static_cast<int64_t>(trainer_->optimizer().moments().size());
  const auto bytes = static_cast<double>(trainer_->arena().parameter_count() * 4 * (1 + moments));
  std::error_code error;
  const fs::space_info space = fs::space(project_.dir(), error);
  if (error || static_cast<double>(space.available) > 1.1 * bytes) return;
  log(LogLevel::kWarning, str("a save needs ", format_bytes(bytes), ", only ",
                              format_bytes(static_cast<double>(space.available)), " are free in ",
                              project_.dir().string(), ": free some space before the first save"));
}

int64_t TrainSession::last_iteration() const {
  const int64_t target = settings_.integer("train.target_iter");
  int64_t last = request_.iterations > 0 ? first_ + request_.iterations : 0;
  if (target > 0) last = last > 0 ? std::min(last, target) : target;
  return last;
}

SaehdStep TrainSession::naming_faces(const std::function<SaehdStep()>& step,
                                     const StepFaces& step_faces) {
  try {
    return step();
  } catch (const InputError&) {
    throw;
  } catch (const Error& e) {
    const std::string message = e.what();
    std::string faces = faces_behind(message, "src", step_faces.src);
    const std::string dst_faces = faces_behind(message, "dst", step_faces.dst);
    if (!faces.empty() && !dst_faces.empty()) faces += "; ";
    faces += dst_faces;
    if (faces.empty()) throw;
    metrics_->event("not_finite", trainer_->iteration() + 1, {{"faces", "\"" + faces + "\""}});
    throw InputError(
        project_.dir().string(),
        str("the loss of iteration ", trainer_->iteration() + 1, " is not finite for ", faces,
            "; the weights of iteration ", saved_, " are safe in ", project_.checkpoint().string()),
        "Look at these faces (diptych faces sheet), put bad ones in the trash, and go "
        "on with a lower learning_rate");
  }
}

void TrainSession::record(const SaehdStep& step, const StepFaces& faces) {
  StepRecord r;
  r.iteration = trainer_->iteration();
  r.time = now_seconds();
  r.src = mean_of(step.src_loss);
  r.dst = mean_of(step.dst_loss);
  r.src_loss = step.src_loss;
  r.dst_loss = step.dst_loss;
  r.src_faces = faces.src;
  r.dst_faces = faces.dst;
  r.learning_rate = trainer_->optimizer().current_rate();
  r.wait_ms = wait_ms_;
  r.step_ms = step_ms_;
  r.total_ms = milliseconds(Clock::now() - last_step_);
  last_step_ = Clock::now();
  add_loss_point(history_, {r.iteration, static_cast<float>(r.src), static_cast<float>(r.dst)});
  src_tally_.add(faces.src, step.src_loss);
  dst_tally_.add(faces.dst, step.dst_loss);
  or_save([&] { metrics_->write(r); });
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

void TrainSession::step_from_host() {
  const auto start = Clock::now();
  const SampleBatch src = src_sampler_->next(), dst = dst_sampler_->next();
  const auto ready = Clock::now();
  const StepFaces faces{src.face_ids, dst.face_ids};
  const SaehdStep step =
      naming_faces([&] { return trainer_->step(side_of(src), side_of(dst)); }, faces);
  wait_ms_ = milliseconds(ready - start);
  step_ms_ = milliseconds(Clock::now() - ready);
  record(step, faces);
}

// One step is always under way while the host looks after the one before it.
void TrainSession::submit_on_device() {
  const int64_t last = last_iteration();
  while (trainer_->in_flight() < 2 &&
         (last == 0 || trainer_->iteration() + trainer_->in_flight() < last)) {
    under_way_.push_back({src_on_device_->advance(), dst_on_device_->advance()});
    trainer_->submit();
  }
}

void TrainSession::collect_from_device() {
  const auto start = Clock::now();
  const SaehdStep step = naming_faces([&] { return trainer_->collect(); }, under_way_.front());
  wait_ms_ = 0;
  step_ms_ = milliseconds(Clock::now() - start);
  const StepFaces faces = std::move(under_way_.front());
  under_way_.pop_front();
  record(step, faces);
}

// What was submitted has changed the weights: it belongs to what is saved and told.
void TrainSession::drain() {
  while (!under_way_.empty()) collect_from_device();
}

void TrainSession::iterate(Progress& progress) {
  if (src_on_device_) {
    submit_on_device();
    collect_from_device();
  } else {
    step_from_host();
  }
  const auto [src_mean, dst_mean] = recent_losses();
  const int64_t last = last_iteration();
  progress.update(trainer_->iteration(),
                  str(last > 0 ? "" : str(format_duration(progress.elapsed()), "  "), "loss src ",
                      format_number(src_mean), " dst ", format_number(dst_mean)));
}

void TrainSession::draw_pictures() {
  const std::string title = "iteration " + format_count(trainer_->iteration());
  const Preview::Pictures shown = preview_->render(trainer_->network(), trainer_->options().dtype,
                                                   format_count(trainer_->iteration()));
  const auto write_labelled = [&](const char* name, const cv::Mat& picture) {
    write_file_atomic(project_.out(name),
                      label_image(encode_png(picture), name, synthetic_label()));
  };
  write_labelled("preview.png", shown.plain);
  write_labelled("preview_masked.png", shown.masked);
  write_image(project_.out("loss.png"),
              plot_losses(history_, "run " + request_.run + ", " + title));
}

void TrainSession::save() {
  drain();
  Metadata extra = remembered_settings(settings_);
  const auto next = [](const auto& on_host, const auto& on_device) {
    return std::to_string(on_device ? on_device->next_sample() : on_host->next_sample());
  };
  extra["src_next_sample"] = next(src_sampler_, src_on_device_);
  extra["dst_next_sample"] = next(dst_sampler_, dst_on_device_);
  extra["consent_src"] = project_.record(Side::kSrc).consent;
  extra["consent_dst"] = project_.record(Side::kDst).consent;
  try {
    trainer_->save(project_.checkpoint().string(), extra);
  } catch (const Error&) {
    log(LogLevel::kInfo, str("iteration ", trainer_->iteration(),
                             " could not be saved; the checkpoint of iteration ", saved_,
                             saved_ == 0 ? " was never written" : " is whole"));
    throw;
  }
  saved_ = trainer_->iteration();
  metrics_->event("saved", saved_);
  if (!keep_tallies_) return;
  try {
    src_tally_.store(project_.faces(Side::kSrc));
    dst_tally_.store(project_.faces(Side::kDst));
  } catch (const Error& e) {
    keep_tallies_ = false;
    log(LogLevel::kWarning, str("losses per face are not stored any more: ", e.what()));
  }
}

bool TrainSession::due_for_save(Clock::time_point since) const {
  const int64_t every = settings_.integer("train.save_every_iters");
  if (every > 0 && trainer_->iteration() % every == 0) return true;
  return milliseconds(Clock::now() - since) >= settings_.real("train.save_minutes") * 60000.0;
}

// Metrics and pictures fill the disk first: what was learnt is saved before the error goes on.
void TrainSession::or_save(const std::function<void()>& write) {
  try {
    write();
  } catch (const InputError&) {
    try {
      if (trainer_->iteration() > saved_) save();
    } catch (const Error& e) {
      log(LogLevel::kInfo, e.what());
    }
    throw;
  }
}

void TrainSession::begin() {
  announce();
  warn_of_full_disk();
  metrics_ = std::make_unique<MetricsWriter>(project_.run(request_.run) / "metrics.jsonl");
  std::vector<std::pair<std::string, std::string>> start;
  for (const auto& [key, value] : settings_.all()) {
    if (key.rfind("train.", 0) == 0) start.emplace_back(key, value);
  }
  metrics_->event("start", first_, start);
  if (last_iteration() > 0 && first_ >= last_iteration()) {
    log(LogLevel::kInfo, str("nothing to do: target_iter = ",
                             settings_.integer("train.target_iter"), " is reached"));
  }
}

bool TrainSession::loop(Progress& progress) {
  const int64_t last = last_iteration(), preview_every = settings_.integer("train.preview_every");
  auto last_save = Clock::now();
  last_step_ = Clock::now();
  if (request_.at_risk) request_.at_risk(first_, saved_);
  while (last == 0 || trainer_->iteration() < last) {
    iterate(progress);
    const int64_t now = trainer_->iteration();
    if (request_.at_risk) request_.at_risk(now, saved_);
    if (request_.stop && request_.stop()) return true;
    if (preview_every > 0 && now % preview_every == 0) or_save([&] { draw_pictures(); });
    if (due_for_save(last_save)) {
      save();
      if (preview_every == 0) draw_pictures();
      last_save = Clock::now();
    }
  }
  return false;
}

TrainResult TrainSession::run() {
  begin();
  Progress progress("train", "it", last_iteration(), first_);
  TrainResult result;
  result.first = first_;
  result.stopped = loop(progress);
  drain();
  if (trainer_->iteration() > first_) progress.finish();
  if (trainer_->iteration() > saved_) save();
  draw_pictures();
  result.last = trainer_->iteration();
  std::tie(result.src, result.dst) = recent_losses();
  result.seconds = progress.elapsed();
  return result;
}

}  // namespace diptych
