// Reading and writing weight files.
// SPDX-License-Identifier: MIT
#include "models/saehd/dfl_weights.h"

#include <algorithm>
#include <cmath>

#include "models/saehd/layout.h"
#include "optim/arena_values.h"
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

bool discriminator(const std::string& part) {
  return std::find(std::begin(SaehdAdversaries::kNames), std::end(SaehdAdversaries::kNames),
                   part) != std::end(SaehdAdversaries::kNames);
}

// The original's own names of the discriminators, before the paths of their moments.
std::string variable_prefix(const std::string& part) {
  return part == "GAN" ? "D_src" : "dis";
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
  const Shape ours = p.parameter->shape;
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

void note_unused(const std::string& file,
                 const PickleValue& dict,
                 size_t used,
                 DflLoadReport& report) {
  if (dict.entries().size() > used)
    report.notes.push_back(str(file, " holds ", dict.entries().size() - used,
                               " weights that this network has no place for"));
}

// The weights of `part` in an arena, from its file.
int64_t load_part(const fs::path& file,
                  const PickleDocument& document,
                  const SaehdConfig& network,
                  const ParamArena& arena,
                  const std::string& part,
                  DflLoadReport& report) {
  const ArenaValues weights(arena, arena.weights());
  size_t used = 0;
  int64_t count = 0;
  for (size_t i = 0; i < arena.list().size(); ++i) {
    const NamedParameter& p = arena.list()[i];
    if (part_of(p.name) != part) continue;
    const std::string key = key_of(p.name);
    const std::vector<float> values =
        values_of(file, key, array_of(file, document.root(), key), network, p);
    std::copy(values.begin(), values.end(), weights[i].as<float>());
    count += static_cast<int64_t>(values.size());
    ++used;
  }
  weights.store();
  note_unused(file.filename().string(), document.root(), used, report);
  return count;
}

void load_network(const DflModel& model, SaehdTrainer& trainer, DflLoadReport& report) {
  for (const std::string& part : dfl_parts(model.network)) {
    const fs::path file = model.file(part + ".npy");
    report.weights +=
        load_part(file, read_dfl_weight_file(file), model.network, trainer.arena(), part, report);
  }
  trainer.arena().refresh_copies();
}

// Our moments and what the original calls them.
std::string slot_prefix(OptimizerKind kind, const std::string& moment) {
  if (kind == OptimizerKind::kRmsProp) return "acc";
  return moment == "m" ? "ms" : "vs";
}

// A parameter's moment. The original puts its own name of the discriminators before the path.
const PickleValue* find_slot(const PickleValue& dict,
                             const std::string& prefix,
                             const std::string& parameter) {
  if (const PickleValue* exact = dict.find(slot_of(prefix, parameter))) return exact;
  const std::string end = parameter.substr(parameter.find('/')) + "_0:0";
  for (const PickleEntry& entry : dict.entries()) {
    const std::string_view key = entry.key.string();
    if (discriminator(part_of(parameter)) && key.starts_with(prefix + "_") && key.ends_with(end))
      return &entry.value;
  }
  return nullptr;
}

// The optimizer's state of an arena from a file; false, with a note, when it is not whole.
bool load_moments(const fs::path& file,
                  const SaehdConfig& network,
                  const ParamArena& arena,
                  const Optimizer& optimizer,
                  DflLoadReport& report) {
  const std::string name = file.filename().string();
  std::error_code error;
  if (!fs::exists(file, error)) {
    report.notes.push_back(name + " is not there: that optimizer starts anew");
    return false;
  }
  const PickleDocument document = read_dfl_weight_file(file);
  const OptimizerKind kind = optimizer.options().kind;
  for (const Optimizer::Moment& moment : optimizer.moments()) {
    for (const NamedParameter& p : arena.list()) {
      const std::string prefix = slot_prefix(kind, moment.name);
      if (find_slot(document.root(), prefix, p.name) != nullptr) continue;
      report.notes.push_back(
          str(name, " has no ", slot_of(prefix, p.name), ": that optimizer starts anew"));
      return false;
    }
  }
  for (const Optimizer::Moment& moment : optimizer.moments()) {
    const ArenaValues flat(arena, moment.values);
    for (size_t i = 0; i < arena.list().size(); ++i) {
      const NamedParameter& p = arena.list()[i];
      const std::string prefix = slot_prefix(kind, moment.name);
      const PickleArray& array = find_slot(document.root(), prefix, p.name)->array();
      const std::vector<float> values = values_of(file, slot_of(prefix, p.name), array, network, p);
      std::copy(values.begin(), values.end(), flat[i].as<float>());
    }
    flat.store();
  }
  return true;
}

bool fits(const PickleValue& dict, const ParamArena& arena) {
  return std::all_of(arena.list().begin(), arena.list().end(), [&](const NamedParameter& p) {
    const PickleValue* value = dict.find(key_of(p.name));
    return value != nullptr && value->kind() == PickleKind::kArray &&
           value->array().shape == sides_of(file_shape(p.name, p.parameter->shape));
  });
}

// A discriminator that is missing or of another shape starts afresh, as in the original.
void load_discriminator(const DflModel& model,
                        const SaehdAdversaries::Part& part,
                        bool same_optimizer,
                        DflLoadReport& report) {
  const fs::path file = model.file(std::string(part.name) + ".npy");
  std::error_code error;
  if (!fs::exists(file, error)) {
    report.notes.push_back(file.filename().string() + " is not there: it starts afresh");
    return;
  }
  const PickleDocument document = read_dfl_weight_file(file);
  if (!fits(document.root(), *part.arena)) {
    report.notes.push_back(file.filename().string() + " has other layers: it starts afresh");
    return;
  }
  report.weights += load_part(file, document, model.network, *part.arena, part.name, report);
  part.arena->refresh_copies();
  if (same_optimizer)
    load_moments(model.file(dfl_optimizer_name(part.name)), model.network, *part.arena,
                 *part.optimizer, report);
  part.optimizer->set_steps(model.iteration);
}

// A tensor of a checkpoint into a dict, in the order of DeepFaceLab's files.
void write_entry(PickleWriter& writer,
                 const std::string& key,
                 const Safetensors& checkpoint,
                 const SaehdConfig& network,
                 const std::string& kind,
                 const std::string& parameter) {
  const std::string name = kind + "/" + parameter;
  const Shape shape = checkpoint.entries().at(name).shape;
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  checkpoint.read(name, {values.data(), shape, DType::kF32});
  writer.string(key).array(
      sides_of(file_shape(parameter, shape)),
      std::span<const float>(to_file_order(network, parameter, shape, values)));
}

// Names of the parameters of a kind ("weight", "m") in these parts.
std::vector<std::string> parameters_of(const Safetensors& checkpoint,
                                       const std::string& kind,
                                       const std::vector<std::string>& parts) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : checkpoint.entries()) {
    if (name.rfind(kind + "/", 0) != 0) continue;
    const std::string parameter = name.substr(kind.size() + 1);
    if (std::find(parts.begin(), parts.end(), part_of(parameter)) != parts.end())
      names.push_back(parameter);
  }
  return names;
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
  load_network(model, trainer, report);
  const auto adabelief = model.options.find("adabelief");
  const bool belief = adabelief != model.options.end() &&
                      std::holds_alternative<bool>(adabelief->second) &&
                      std::get<bool>(adabelief->second);
  const bool same = belief == (trainer.options().optimizer.kind == OptimizerKind::kAdaBelief);
  if (same) {
    report.moments = load_moments(model.file(dfl_optimizer_name("")), model.network,
                                  trainer.arena(), trainer.optimizer(), report);
  } else {
    report.notes.push_back("the optimizer is another one than before: it starts anew");
  }
  trainer.optimizer().set_steps(model.iteration);
  if (trainer.adversaries() == nullptr) return report;
  for (const SaehdAdversaries::Part& part : trainer.adversaries()->parts())
    load_discriminator(model, part, same, report);
  return report;
}

std::string dfl_optimizer_name(const std::string& discriminator) {
  if (discriminator == "GAN") return "GAN_opt.npy";
  return discriminator == "code_discriminator" ? "D_code_opt.npy" : "src_dst_opt.npy";
}

std::vector<std::string> dfl_discriminators(const Safetensors& checkpoint) {
  std::vector<std::string> found;
  for (const char* part : SaehdAdversaries::kNames) {
    if (!parameters_of(checkpoint, "weight", {part}).empty()) found.push_back(part);
  }
  return found;
}

std::vector<uint8_t> dfl_weight_file(const Safetensors& checkpoint, const std::string& part) {
  const SaehdConfig network = read_saehd_config(checkpoint);
  PickleWriter writer(4);
  writer.begin_dict();
  for (const std::string& p : parameters_of(checkpoint, "weight", {part}))
    write_entry(writer, key_of(p), checkpoint, network, "weight", p);
  return writer.end_dict().take();
}

std::vector<uint8_t> dfl_optimizer_file(const Safetensors& checkpoint,
                                        const std::string& discriminator_part) {
  const SaehdConfig network = read_saehd_config(checkpoint);
  const bool belief = checkpoint.metadata().at("optimizer") == "adabelief";
  const OptimizerKind kind = belief ? OptimizerKind::kAdaBelief : OptimizerKind::kRmsProp;
  const bool main = discriminator_part.empty();
  const std::vector<std::string> parts =
      main ? dfl_parts(network) : std::vector{discriminator_part};
  const auto steps = checkpoint.metadata().find(main ? "iteration" : discriminator_part + "_steps");
  PickleWriter writer(4);
  writer.begin_dict();
  writer.string("iters:0").numpy_integer(
      steps == checkpoint.metadata().end() ? 0 : std::stoll(steps->second));
  for (const char* moment : {"m", "v"}) {
    for (const std::string& p : parameters_of(checkpoint, moment, parts)) {
      const std::string name =
          main ? p : variable_prefix(discriminator_part) + p.substr(p.find('/'));
      write_entry(writer, slot_of(slot_prefix(kind, moment), name), checkpoint, network, moment, p);
    }
  }
  return writer.end_dict().take();
}

}  // namespace diptych
