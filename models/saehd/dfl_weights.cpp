// Reading and writing weight files.
// SPDX-License-Identifier: MIT
#include "models/saehd/dfl_weights.h"

#include <algorithm>
#include <cmath>

#include "models/saehd/layout.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tensor/pickle/pickle_writer.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

const char* const kRemedy =
    "Use a copy of the model that is whole, for example one of its autobackups";

std::string part_of(const std::string& parameter) {
  return parameter.substr(0, parameter.find('/'));
}

// "encoder/down1/downs_0/conv1/weight" -> "down1/downs_0/conv1/weight:0".
std::string key_of(const std::string& parameter) {
  return parameter.substr(parameter.find('/') + 1) + ":0";
}

// "ms_encoder/down1/downs_0/conv1/weight_0:0": the variable's name with its colon replaced.
std::string slot_of(const std::string& prefix, const std::string& parameter) {
  return prefix + "_" + parameter + "_0:0";
}

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t side : shape) text += str(text.empty() ? "" : ",", side);
  return "(" + text + ")";
}

std::vector<int64_t> sides_of(const Shape& shape) {
  std::vector<int64_t> sides;
  for (int i = 0; i < shape.rank(); ++i) sides.push_back(shape[i]);
  return sides;
}

// Values of a weight in our order.
std::vector<float> values_of(const fs::path& file,
                             const std::string& key,
                             const PickleArray& array,
                             const SaehdConfig& network,
                             const NamedParameter& p) {
  const Shape ours = p.parameter->master.shape();
  const std::vector<int64_t> wanted = sides_of(file_shape(p.name, ours));
  if (array.shape != wanted) {
    throw InputError(file.string(),
                     str(key, " has shape ", text_of(array.shape), ", ", network.archi(),
                         " with these dims has ", text_of(wanted)),
                     "The file belongs to another model: use the one of this model");
  }
  const std::vector<float> values = floats_of(array);
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end()) {
    throw InputError(file.string(), str(key, " holds ", *bad, " at place ", bad - values.begin()),
                     "The model has broken down: go back to one of its autobackups");
  }
  return from_file_order(network, p.name, ours, values);
}

const PickleArray& array_of(const fs::path& file, const PickleValue& dict, const std::string& key) {
  const PickleValue* value = dict.find(key);
  if (value == nullptr) throw InputError(file.string(), "has no " + key, kRemedy);
  return value->array();
}

// Host memory behind a flat buffer of the arena; store() brings it back when it was a copy.
class HostBuffer {
 public:
  explicit HostBuffer(const Tensor& flat)
      : flat_(flat), host_(flat.place() == Place::kHost ? flat : flat.to(Place::kHost)) {}

  float* at(int64_t element) { return host_.as<float>() + element; }

  void store() {
    if (host_.data() != flat_.data()) flat_.copy_from(host_);
  }

 private:
  const Tensor& flat_;
  Tensor host_;
};

void note_unused(const std::string& file,
                 const PickleValue& dict,
                 size_t used,
                 DflLoadReport& report) {
  if (dict.entries().size() > used)
    report.notes.push_back(str(file, " holds ", dict.entries().size() - used,
                               " weights that this network has no place for"));
}

void load_weights(const DflModel& model, SaehdTrainer& trainer, DflLoadReport& report) {
  const ParamArena& arena = trainer.arena();
  HostBuffer weights(arena.weights());
  for (const std::string& part : dfl_parts(model.network)) {
    const fs::path file = model.file(part + ".npy");
    const PickleDocument document = read_dfl_weight_file(file);
    size_t used = 0;
    for (size_t i = 0; i < arena.list().size(); ++i) {
      const NamedParameter& p = arena.list()[i];
      if (part_of(p.name) != part) continue;
      const std::string key = key_of(p.name);
      const std::vector<float> values =
          values_of(file, key, array_of(file, document.root(), key), model.network, p);
      std::copy(values.begin(), values.end(), weights.at(arena.range(i).begin));
      report.weights += static_cast<int64_t>(values.size());
      ++used;
    }
    note_unused(file.filename().string(), document.root(), used, report);
  }
  weights.store();
  trainer.arena().refresh_copies();
}

// Our moments and what the original calls them.
std::string slot_prefix(OptimizerKind kind, const std::string& moment) {
  if (kind == OptimizerKind::kRmsProp) return "acc";
  return moment == "m" ? "ms" : "vs";
}

bool load_moments(const DflModel& model, SaehdTrainer& trainer, DflLoadReport& report) {
  const fs::path file = model.file("src_dst_opt.npy");
  std::error_code error;
  if (!fs::exists(file, error)) {
    report.notes.push_back(file.filename().string() + " is not there: the optimizer starts anew");
    return false;
  }
  const PickleDocument document = read_dfl_weight_file(file);
  const OptimizerKind kind = trainer.options().optimizer.kind;
  const ParamArena& arena = trainer.arena();
  for (const Optimizer::Moment& moment : trainer.optimizer().moments()) {
    for (const NamedParameter& p : arena.list()) {
      if (document.root().find(slot_of(slot_prefix(kind, moment.name), p.name)) != nullptr)
        continue;
      report.notes.push_back(str(file.filename().string(), " has no ",
                                 slot_of(slot_prefix(kind, moment.name), p.name),
                                 ": the optimizer starts anew"));
      return false;
    }
  }
  for (const Optimizer::Moment& moment : trainer.optimizer().moments()) {
    HostBuffer flat(moment.values);
    for (size_t i = 0; i < arena.list().size(); ++i) {
      const NamedParameter& p = arena.list()[i];
      const std::string key = slot_of(slot_prefix(kind, moment.name), p.name);
      const std::vector<float> values =
          values_of(file, key, array_of(file, document.root(), key), model.network, p);
      std::copy(values.begin(), values.end(), flat.at(arena.range(i).begin));
    }
    flat.store();
  }
  return true;
}

// A tensor of a checkpoint in the order of DeepFaceLab's files.
std::vector<float> read_in_file_order(const Safetensors& checkpoint,
                                      const SaehdConfig& network,
                                      const std::string& kind,
                                      const NamedParameter& p) {
  const Shape& shape = p.parameter->master.shape();
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  checkpoint.read(kind + "/" + p.name, {values.data(), shape, DType::kF32});
  return to_file_order(network, p.name, shape, values);
}

void write_array(PickleWriter& writer,
                 const std::string& key,
                 const NamedParameter& p,
                 const std::vector<float>& values) {
  const std::vector<int64_t> shape = sides_of(file_shape(p.name, p.parameter->master.shape()));
  writer.string(key).array(shape, std::span<const float>(values));
}

}  // namespace

PickleDocument read_dfl_weight_file(const fs::path& file) {
  PickleOptions options;
  options.remedy = kRemedy;
  std::error_code error;
  if (!fs::exists(file, error) && fs::exists(file.string() + ".tmp", error)) {
    throw InputError(
        file.string(),
        "is missing, but a half-finished save left " + file.filename().string() + ".tmp",
        "Rename that file if it is whole, or use an autobackup");
  }
  PickleDocument document = read_pickle_file(file, options);
  const bool dict = document.root().kind() == PickleKind::kDict;
  if (!dict || document.root().entries().empty())
    throw InputError(file.string(), "is no file of weights: it holds no dict of arrays", kRemedy);
  for (const PickleEntry& entry : document.root().entries()) {
    const bool named = entry.key.kind() == PickleKind::kString;
    const bool counter = named && entry.key.string() == "iters:0";
    const bool floats =
        entry.value.kind() == PickleKind::kArray && entry.value.array().dtype.kind == 'f';
    if (named && (floats || counter)) continue;
    throw InputError(file.string(),
                     str("holds ", name_of(entry.value.kind()), " as ",
                         named ? std::string(entry.key.string().substr(0, 80)) : "a key",
                         ", expected arrays of floats with names"),
                     kRemedy);
  }
  return document;
}

DflLoadReport load_dfl_weights(const DflModel& model, SaehdTrainer& trainer) {
  DIPTYCH_CHECK(model.network.archi() == trainer.options().network.archi(),
                "load_dfl_weights: the model is ", model.network.archi(), ", the trainer's ",
                trainer.options().network.archi());
  DflLoadReport report;
  load_weights(model, trainer, report);
  const auto adabelief = model.options.find("adabelief");
  const bool belief = adabelief != model.options.end() &&
                      std::holds_alternative<bool>(adabelief->second) &&
                      std::get<bool>(adabelief->second);
  const bool same = belief == (trainer.options().optimizer.kind == OptimizerKind::kAdaBelief);
  if (same) {
    report.moments = load_moments(model, trainer, report);
  } else {
    report.notes.push_back("the optimizer is another one than before: it starts anew");
  }
  trainer.optimizer().set_steps(model.iteration);
  return report;
}

std::vector<uint8_t> dfl_weight_file(const Safetensors& checkpoint, const std::string& part) {
  Saehd network(read_saehd_config(checkpoint));
  PickleWriter writer(4);
  writer.begin_dict();
  for (const NamedParameter& p : network.parameters()) {
    if (part_of(p.name) == part)
      write_array(writer, key_of(p.name), p,
                  read_in_file_order(checkpoint, network.config(), "weight", p));
  }
  return writer.end_dict().take();
}

std::vector<uint8_t> dfl_optimizer_file(const Safetensors& checkpoint) {
  Saehd network(read_saehd_config(checkpoint));
  const bool belief = checkpoint.metadata().at("optimizer") == "adabelief";
  const OptimizerKind kind = belief ? OptimizerKind::kAdaBelief : OptimizerKind::kRmsProp;
  PickleWriter writer(4);
  writer.begin_dict();
  writer.string("iters:0").numpy_integer(std::stoll(checkpoint.metadata().at("iteration")));
  for (const char* moment : {"m", "v"}) {
    for (const NamedParameter& p : network.parameters()) {
      if (!checkpoint.has(str(moment, '/', p.name))) continue;
      write_array(writer, slot_of(slot_prefix(kind, moment), p.name), p,
                  read_in_file_order(checkpoint, network.config(), moment, p));
    }
  }
  return writer.end_dict().take();
}

}  // namespace diptych
