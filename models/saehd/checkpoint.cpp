// Saving and loading SAEHD checkpoints: one safetensors file with weights, moments and, as text,
// the options. Weights keep the layout of this project; layout.h converts to the one of DeepFaceLab
// files.
// SPDX-License-Identifier: MIT
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cast/cast.h"
#include "models/saehd/trainer.h"
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

Metadata describe(const SaehdTrainOptions& options, int64_t iteration) {
  const SaehdConfig& net = options.network;
  return {
      {"format", kFormat},
      {"format_version", std::to_string(kVersion)},
      {"iteration", std::to_string(iteration)},
      {"archi", net.archi()},
      {"resolution", std::to_string(net.resolution)},
      {"ae_dims", std::to_string(net.ae_dims)},
      {"e_dims", std::to_string(net.e_dims)},
      {"d_dims", std::to_string(net.d_dims)},
      {"d_mask_dims", std::to_string(net.d_mask_dims)},
      {"optimizer", options.optimizer.kind == OptimizerKind::kAdaBelief ? "adabelief" : "rmsprop"},
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
                     "Use the previous checkpoint (PATH.prev)");
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
                     "Use the previous checkpoint (PATH.prev)");
  }
  return static_cast<int>(value);
}

std::string shape_text(const SaehdConfig& c) {
  return str(c.archi(), ' ', c.resolution, " ae ", c.ae_dims, " e ", c.e_dims, " d ", c.d_dims,
             " mask ", c.d_mask_dims);
}

// Every parameter must be there with its shape before anything is read.
void check_parameters(const Safetensors& file, const ParameterList& list) {
  for (const NamedParameter& p : list) {
    const auto it = file.entries().find("weight/" + p.name);
    if (it == file.entries().end() || it->second.shape != p.parameter->master.shape() ||
        it->second.dtype != DType::kF32) {
      throw InputError(file.path(),
                       "weight/" + p.name +
                           (it == file.entries().end() ? " is missing" : " has the wrong shape"),
                       "Use a checkpoint of the same network");
    }
  }
}

// All tensors of a kind into a flat buffer of the arena's layout, in one transfer.
void read_flat(const Safetensors& file,
               const std::string& kind,
               const ParamArena& arena,
               const Tensor& flat) {
  const Tensor values = flat.place() == Place::kHost ? flat : flat.to(Place::kHost);
  for (size_t i = 0; i < arena.list().size(); ++i) {
    const NamedParameter& p = arena.list()[i];
    file.read(kind + "/" + p.name,
              values.part(arena.range(i).begin, p.parameter->master.shape()).mut());
  }
  if (values.data() != flat.data()) flat.copy_from(values);
}

void read_weights(const Safetensors& file, ParamArena& arena) {
  read_flat(file, "weight", arena, arena.weights());
  arena.refresh_copies();
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
    throw InputError(file.path(), e.what(), "Use the previous checkpoint (PATH.prev)");
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
  const Tensor weights = arena_->weights().to(Place::kHost);
  if (!all_finite(weights)) {
    throw Error(str("iteration ", iteration(), ": the weights are not finite, so ", path,
                    " was not replaced. Go back to it with a lower learning rate"));
  }
  Metadata metadata = describe(options_, iteration());
  metadata.insert(extra.begin(), extra.end());
  std::vector<NamedView> tensors;
  std::vector<Tensor> kept;  // host copies, while their views are written
  const auto add = [&](const std::string& kind, const Tensor& flat) {
    kept.push_back(flat.to(Place::kHost));
    for (size_t i = 0; i < arena_->list().size(); ++i) {
      const NamedParameter& p = arena_->list()[i];
      tensors.push_back({kind + "/" + p.name,
                         kept.back().part(arena_->range(i).begin, p.parameter->master.shape())});
    }
  };
  add("weight", weights);
  for (const Optimizer::Moment& moment : optimizer_->moments()) add(moment.name, moment.values);
  save_safetensors(path, tensors, metadata);
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
  const bool same_optimizer = text_of(file, "optimizer") == describe(options_, 0).at("optimizer");
  for (const Optimizer::Moment& moment : optimizer_->moments()) {
    for (const NamedParameter& p : arena_->list()) {
      if (same_optimizer && !file.has(moment.name + "/" + p.name)) {
        throw InputError(path, moment.name + "/" + p.name + " is missing",
                         "Use the previous checkpoint (PATH.prev)");
      }
    }
  }
  const int64_t iteration = number_of(file, "iteration");
  read_weights(file, *arena_);
  for (const Optimizer::Moment& moment : optimizer_->moments()) {
    if (same_optimizer) read_flat(file, moment.name, *arena_, moment.values);
  }
  optimizer_->set_steps(iteration);
  return file.metadata();
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
