// Saving and loading SAEHD checkpoints: one safetensors file with the weights and moments of the
// network and of its discriminators and, as text, the options. Weights keep the order of this
// project, without the zeros that memory adds to them; layout.h converts to the order of
// DeepFaceLab files.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "kernels/cast/cast.h"
#include "models/saehd/trainer.h"
#include "optim/arena_values.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

const std::string kFormat = "diptych-saehd";
constexpr int kVersion = 1;

bool all_finite(const Tensor& t) {
  const float* p = t.as<float>();
  // Multiplying by zero keeps NaN and turns infinity into NaN: one flag for the whole buffer, no
  // branch inside.
  float sum = 0;
  for (int64_t i = 0; i < t.numel(); ++i) sum += p[i] * 0.0f;
  return sum == 0.0f;
}

const char* name_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdaBelief:
      return "adabelief";
    case OptimizerKind::kRmsProp:
      return "rmsprop";
    default:
      return "adam";
  }
}

// Where a discriminator's step count stands.
std::string steps_key(const std::string& part) {
  return part + "_steps";
}

Metadata describe(const SaehdTrainOptions& options, int64_t iteration) {
  const SaehdConfig& net = options.network;
  return {{"format", kFormat},
          {"format_version", std::to_string(kVersion)},
          {"iteration", std::to_string(iteration)},
          {"archi", net.archi()},
          {"resolution", std::to_string(net.resolution)},
          {"ae_dims", std::to_string(net.ae_dims)},
          {"e_dims", std::to_string(net.e_dims)},
          {"d_dims", std::to_string(net.d_dims)},
          {"d_mask_dims", std::to_string(net.d_mask_dims)},
          {"optimizer", name_of(options.optimizer.kind)},
          {"pretrain", options.pretrain ? "on" : "off"},
          {"seed", std::to_string(options.seed)},
          {"dtype", name_of(options.dtype)},
          {"weight_layout", "conv KRSC, dense (out,in), NHWC activations"}};
}

const std::string& text_of(const Safetensors& file, const std::string& key) {
  const auto it = file.metadata().find(key);
  if (it == file.metadata().end()) {
    throw InputError(file.path(), "has no entry " + key,
                     "Use a checkpoint that diptych train wrote");
  }
  return it->second;
}

int64_t number_of(const Safetensors& file, const std::string& key) {
  const std::string& text = text_of(file, key);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw InputError(file.path(), "entry " + key + " is not a number: " + text,
                     damaged_file_remedy(file.path()));
  }
  return value;
}

void check_format(const Safetensors& file) {
  const auto it = file.metadata().find("format");
  if (it == file.metadata().end() || it->second != kFormat) {
    throw InputError(file.path(), "is not a SAEHD checkpoint of diptych",
                     "Give the file model/saehd.safetensors of a project");
  }
  const int64_t version = number_of(file, "format_version");
  if (version > kVersion) {
    throw InputError(file.path(),
                     str("has format version ", version, ", this program reads up to ", kVersion),
                     "Update diptych");
  }
}

int int_of(const Safetensors& file, const std::string& key) {
  const int64_t value = number_of(file, key);
  if (value < 0 || value > 1 << 20) {
    throw InputError(file.path(), str("entry ", key, " = ", value, " is out of range"),
                     damaged_file_remedy(file.path()));
  }
  return static_cast<int>(value);
}

std::string shape_text(const SaehdConfig& c) {
  return str(c.archi(), ' ', c.resolution, " ae ", c.ae_dims, " e ", c.e_dims, " d ", c.d_dims,
             " mask ", c.d_mask_dims);
}

bool holds(const Safetensors& file, const std::string& name, const Shape& shape) {
  const auto it = file.entries().find(name);
  return it != file.entries().end() && it->second.shape == shape && it->second.dtype == DType::kF32;
}

// Every parameter must be there with its shape before anything is read.
void check_parameters(const Safetensors& file, const ParameterList& list) {
  for (const NamedParameter& p : list) {
    const std::string name = "weight/" + p.name;
    if (holds(file, name, p.parameter->shape)) continue;
    throw InputError(file.path(), name + (file.has(name) ? " has the wrong shape" : " is missing"),
                     "Use a checkpoint of the same network");
  }
}

// All tensors of a kind into a flat buffer of the arena's layout, in one transfer.
void read_flat(const Safetensors& file,
               const std::string& kind,
               const ParamArena& arena,
               const Tensor& flat) {
  const ArenaValues values(arena, flat);
  for (size_t i = 0; i < values.size(); ++i)
    file.read(kind + "/" + arena.list()[i].name, values[i].mut());
  values.store();
}

void read_weights(const Safetensors& file, ParamArena& arena) {
  read_flat(file, "weight", arena, arena.weights());
  arena.refresh_copies();
}

bool holds_moments(const Safetensors& file, const ParamArena& arena, const Optimizer& optimizer) {
  for (const Optimizer::Moment& moment : optimizer.moments()) {
    for (const NamedParameter& p : arena.list()) {
      if (!holds(file, moment.name + "/" + p.name, p.parameter->shape)) return false;
    }
  }
  return true;
}

void read_moments(const Safetensors& file, const ParamArena& arena, const Optimizer& optimizer) {
  for (const Optimizer::Moment& moment : optimizer.moments())
    read_flat(file, moment.name, arena, moment.values);
}

// Collects what a file is to hold.
class TensorList {
 public:
  void add(const std::string& kind, const ParamArena& arena, const Tensor& flat) {
    kept_.emplace_back(arena, flat);
    const ArenaValues& values = kept_.back();
    for (size_t i = 0; i < values.size(); ++i)
      views_.push_back({kind + "/" + arena.list()[i].name, values[i]});
  }

  void add(const ParamArena& arena, const Optimizer& optimizer) {
    add("weight", arena, arena.weights());
    finite_ = finite_ && all_finite(kept_.back().host_buffer());
    for (const Optimizer::Moment& moment : optimizer.moments())
      add(moment.name, arena, moment.values);
  }

  void add(const std::string& name, const Tensor& host) { views_.push_back({name, host}); }

  bool finite() const { return finite_; }  // all weights are

  const std::vector<NamedView>& views() const { return views_; }

 private:
  std::vector<NamedView> views_;
  std::vector<ArenaValues> kept_;  // host copies, while their views are written
  bool finite_ = true;
};

// The discriminator a tensor of the file is of ("GAN" of "m/GAN/in_conv/bias"), "" when of none.
std::string discriminator_of(const std::string& name) {
  for (const char* part : SaehdAdversaries::kNames) {
    const size_t slash = name.find('/');
    if (slash != std::string::npos &&
        name.compare(slash + 1, std::string(part).size() + 1, std::string(part) + "/") == 0)
      return part;
  }
  return "";
}

}  // namespace

SaehdConfig read_saehd_config(const Safetensors& file) {
  check_format(file);
  SaehdConfig config;
  try {
    config.set_archi(text_of(file, "archi"));
  } catch (const InputError&) {
    throw;
  } catch (const Error& e) {
    throw InputError(file.path(), e.what(), damaged_file_remedy(file.path()));
  }
  config.resolution = int_of(file, "resolution");
  config.ae_dims = int_of(file, "ae_dims");
  config.e_dims = int_of(file, "e_dims");
  config.d_dims = int_of(file, "d_dims");
  config.d_mask_dims = int_of(file, "d_mask_dims");
  return config;
}

void SaehdTrainer::save(const std::string& path, const Metadata& extra) const {
  DIPTYCH_CHECK(in_flight() == 0, "SaehdTrainer::save: ", in_flight(),
                " steps wait to be collected");
  Metadata metadata = describe(options_, iteration());
  TensorList tensors;
  tensors.add(*arena_, *optimizer_);
  if (adversaries_) {
    for (const SaehdAdversaries::Part& part : adversaries_->parts()) {
      tensors.add(*part.arena, *part.optimizer);
      metadata[steps_key(part.name)] = std::to_string(part.optimizer->steps());
    }
  }
  if (!tensors.finite()) {
    throw Error(str("iteration ", iteration(), ": the weights are not finite, so ", path,
                    " was not replaced. Go back to it with a lower learning rate"));
  }
  for (const auto& [name, values] : parked_) tensors.add(name, values);
  metadata.insert(parked_steps_.begin(), parked_steps_.end());
  metadata.insert(extra.begin(), extra.end());
  save_safetensors(path, tensors.views(), metadata);
}

Metadata SaehdTrainer::load(const std::string& path) {
  const Safetensors file = Safetensors::open(path);
  const SaehdConfig config = read_saehd_config(file);
  if (shape_text(config) != shape_text(options_.network)) {
    throw InputError(
        path,
        "holds " + shape_text(config) + ", the settings ask for " + shape_text(options_.network),
        "Set these values back, or start a new model in another project");
  }
  check_parameters(file, arena_->list());
  // Another optimizer keeps the weights and starts its moments afresh.
  const bool same_optimizer = text_of(file, "optimizer") == name_of(options_.optimizer.kind);
  if (same_optimizer && !holds_moments(file, *arena_, *optimizer_)) {
    throw InputError(path, "a moment of the optimizer is missing or has the wrong shape",
                     damaged_file_remedy(path));
  }
  const int64_t iteration = number_of(file, "iteration");
  read_weights(file, *arena_);
  if (same_optimizer) read_moments(file, *arena_, *optimizer_);
  optimizer_->set_steps(iteration);
  load_adversaries(file, same_optimizer);
  const auto pretrain = file.metadata().find("pretrain");
  const bool pretrained = pretrain != file.metadata().end() && pretrain->second == "on";
  if (pretrained && !options_.pretrain) end_pretraining();
  return file.metadata();
}

// A discriminator of another shape, or one the file does not have, starts afresh (spec training.md
// 6). One the options do without for now is kept, to be saved again.
void SaehdTrainer::load_adversaries(const Safetensors& file, bool same_optimizer) {
  std::set<std::string> active;
  for (const SaehdAdversaries::Part& part :
       adversaries_ ? adversaries_->parts() : std::vector<SaehdAdversaries::Part>()) {
    active.insert(part.name);
    const ParameterList& list = part.arena->list();
    const bool whole = std::all_of(list.begin(), list.end(), [&](const NamedParameter& p) {
      return holds(file, "weight/" + p.name, p.parameter->shape);
    });
    if (!whole || !file.metadata().count(steps_key(part.name))) continue;
    read_weights(file, *part.arena);
    if (same_optimizer && holds_moments(file, *part.arena, *part.optimizer))
      read_moments(file, *part.arena, *part.optimizer);
    part.optimizer->set_steps(number_of(file, steps_key(part.name)));
  }
  parked_.clear();
  parked_steps_.clear();
  for (const auto& [name, entry] : file.entries()) {
    const std::string part = discriminator_of(name);
    if (part.empty() || active.count(part)) continue;
    const Tensor values = Tensor::empty(entry.shape, entry.dtype, Place::kHost);
    file.read(name, values);
    parked_.emplace(name, values);
    const auto steps = file.metadata().find(steps_key(part));
    if (steps != file.metadata().end()) parked_steps_.insert(*steps);
  }
}

SaehdInference::SaehdInference(const std::string& checkpoint, DType dtype) : dtype_(dtype) {
  const Safetensors file = Safetensors::open(checkpoint);
  network_ = std::make_unique<Saehd>(read_saehd_config(file));
  check_parameters(file, network_->parameters());
  arena_ = std::make_unique<ParamArena>(network_->parameters(), dtype);
  read_weights(file, *arena_);
}

Saehd::Swap SaehdInference::swap(const Tensor& pictures) const {
  const NoGrad no_grad;
  if (pictures.dtype() == dtype_) return network_->swap(pictures);
  const Tensor input = Tensor::empty(pictures.shape(), dtype_);
  cast(current_stream(), pictures, input);
  return network_->swap(input);
}

}  // namespace diptych
