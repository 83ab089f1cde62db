// Writing and reading receipts.
// SPDX-License-Identifier: MIT
#include "apps/training/receipt.h"

#include <cstdio>
#include <fstream>

#include <nlohmann/json.hpp>

#include "apps/training/metrics.h"
#include "faces/image/file_io.h"
#include "kernels/common/device.h"
#include "optim/arena_values.h"
#include "tensor/hash.h"

namespace diptych {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string hex(const Xxh64& hash) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash.digest()));
  return text;
}

template <class T>
void add_values(Xxh64& hash, const std::vector<T>& values) {
  const uint64_t count = values.size();
  hash.update(&count, sizeof count);
  hash.update(values.data(), values.size() * sizeof(T));
}

std::string machine_name(const Stream& stream) {
  if (stream.engine() == Engine::kCuda || stream.engine() == Engine::kCudnn)
    return device::info().name;
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos)
      return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

std::string faces_digest(const std::vector<Face>& faces) {
  Xxh64 hash;
  for (const Face& face : faces) {
    const auto type = static_cast<int64_t>(face.type);
    hash.update(&face.id, sizeof face.id);
    hash.update(&type, sizeof type);
    hash.update(&face.eyebrow_factor, sizeof face.eyebrow_factor);
    add_values(hash, face.image);
    add_values(hash, face.mask);
    for (const auto& p : face.landmarks) {
      const double xy[2] = {p.x, p.y};
      hash.update(xy, sizeof xy);
    }
  }
  return hex(hash);
}

std::string losses_digest(const SaehdStep& step) {
  Xxh64 hash;
  add_values(hash, step.src_loss);
  add_values(hash, step.dst_loss);
  return hex(hash);
}

std::string weights_digest(SaehdTrainer& trainer) {
  // Each parameter's values are rounded up with zeros to so many: receipts have been written so
  // since before memory had zeros of its own.
  constexpr size_t kValuesAtOnce = 32;
  const ArenaValues parameters(trainer.arena(), trainer.arena().weights());
  std::vector<float> all;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::vector<float> values = parameters[i].to_host();
    all.insert(all.end(), values.begin(), values.end());
    all.resize((all.size() + kValuesAtOnce - 1) / kValuesAtOnce * kValuesAtOnce);
  }
  Xxh64 hash;
  add_values(hash, all);
  return hex(hash);
}

std::string to_json(const Receipt& r) {
  ordered_json settings = ordered_json::object();
  for (const auto& [key, value] : r.settings) settings[key] = value;
  ordered_json j = {{"format", 1},
                    {"program", r.program},
                    {"engine", r.engine},
                    {"machine", r.machine},
                    {"threads", r.threads},
                    {"faces",
                     {{"src", {{"count", r.src_faces}, {"xxh64", r.src_digest}}},
                      {"dst", {{"count", r.dst_faces}, {"xxh64", r.dst_digest}}}}},
                    {"iteration", r.iteration},
                    {"ms_per_iteration", r.ms_per_iteration},
                    {"loss", {{"src", r.src_loss}, {"dst", r.dst_loss}}}};
  if (r.scores) j["holdout"] = ordered_json::parse(to_json(*r.scores));
  j["settings"] = settings;
  if (r.replay) {
    j["replay"] = {{"steps", r.replay->losses.size()},
                   {"losses", r.replay->losses},
                   {"weights", r.replay->weights}};
  } else {
    j["no_replay"] = r.why_no_replay;
  }
  return j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Receipt read_receipt(const std::filesystem::path& file) {
  const std::vector<uint8_t> bytes = read_file(file);
  try {
    const ordered_json j = ordered_json::parse(bytes.begin(), bytes.end());
    Receipt r;
    if (j.at("format") != 1) throw Error("it has another format");
    r.program = j.at("program");
    r.engine = j.at("engine");
    r.machine = j.at("machine");
    r.threads = j.at("threads");
    for (const auto& [key, value] : j.at("settings").items())
      r.settings.emplace_back(key, value.get<std::string>());
    r.src_digest = j.at("faces").at("src").at("xxh64");
    r.dst_digest = j.at("faces").at("dst").at("xxh64");
    r.src_faces = j.at("faces").at("src").at("count");
    r.dst_faces = j.at("faces").at("dst").at("count");
    r.iteration = j.at("iteration");
    r.ms_per_iteration = j.value("ms_per_iteration", 0.0);
    r.src_loss = j.at("loss").value("src", 0.0);
    r.dst_loss = j.at("loss").value("dst", 0.0);
    if (j.contains("holdout")) r.scores = holdout_from_json(j.at("holdout").dump());
    r.why_no_replay = j.value("no_replay", std::string());
    if (j.contains("replay")) {
      const auto& replay = j.at("replay");
      r.replay = Replay{replay.at("losses").get<std::vector<std::string>>(),
                        replay.at("weights").get<std::string>()};
    }
    return r;
  } catch (const std::exception& e) {
    throw InputError(file.string(), str("is not a receipt of a run: ", e.what()),
                     "Train again with diptych train: every save writes it anew");
  }
}

Settings settings_of(const Receipt& receipt, const std::string& origin) {
  Settings settings;
  for (const auto& [key, value] : receipt.settings) {
    std::string text = value;
    if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
    settings.set(key, text, origin);
  }
  return settings;
}

RunReceipt::RunReceipt(const std::filesystem::path& file,
                       const Settings& settings,
                       const Stream& stream,
                       const std::vector<Face>& src,
                       const std::vector<Face>& dst,
                       int64_t first,
                       bool fresh,
                       bool from_elsewhere)
    : file_(file), recording_(fresh && first == 0), begun_(now_seconds()) {
  std::error_code error;
  if (first != 0 && std::filesystem::exists(file, error)) {
    try {
      receipt_ = read_receipt(file);
      // What the beginning was made with stays; numbers of the end are new. A replay under weights
      // from elsewhere is that of the model they have replaced.
      if (!from_elsewhere || !receipt_.replay) return;
    } catch (const InputError&) {
    }
    receipt_ = {};
  }
  receipt_.program = "diptych " DIPTYCH_VERSION;
  receipt_.engine = name_of(stream.engine());
  receipt_.machine = machine_name(stream);
  receipt_.threads = stream.threads();
  receipt_.src_faces = static_cast<int64_t>(src.size());
  receipt_.dst_faces = static_cast<int64_t>(dst.size());
  receipt_.src_digest = faces_digest(src);
  receipt_.dst_digest = faces_digest(dst);
  for (const auto& [key, value] : settings.all())
    if (key.rfind("train.", 0) == 0) receipt_.settings.emplace_back(key, value);
  if (!recording_)
    receipt_.why_no_replay = first == 0 ? "the run began with the weights of another model"
                                        : str("the run began at iteration ", first);
}

void RunReceipt::finish(SaehdTrainer& trainer) {
  recording_ = false;
  if (replay_.losses.empty()) return;
  replay_.weights = weights_digest(trainer);
  receipt_.replay = replay_;
}

void RunReceipt::add(const SaehdStep& step, SaehdTrainer& trainer) {
  ++steps_;
  if (!recording_) return;
  replay_.losses.push_back(losses_digest(step));
  if (static_cast<int64_t>(replay_.losses.size()) == kSteps) finish(trainer);
}

void RunReceipt::disturbed(int64_t iteration) {
  if (!recording_) return;
  recording_ = false;
  receipt_.why_no_replay = str("training was in trouble at iteration ", iteration);
}

void RunReceipt::store(int64_t iteration,
                       std::pair<double, double> losses,
                       const std::optional<HoldoutScores>& scores,
                       SaehdTrainer& trainer) {
  Receipt now = receipt_;
  if (recording_ && !replay_.losses.empty()) {
    now.replay = replay_;
    now.replay->weights = weights_digest(trainer);
  }
  now.iteration = iteration;
  now.src_loss = losses.first;
  now.dst_loss = losses.second;
  if (scores) now.scores = scores;
  if (steps_ > 0)
    now.ms_per_iteration = 1000 * (now_seconds() - begun_) / static_cast<double>(steps_);
  const std::string text = to_json(now);
  write_file_atomic(file_, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace diptych
