// Carrying weights over.
// SPDX-License-Identifier: MIT
#include "models/saehd/surgery.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>

#include "models/saehd/surgery_plan.h"
#include "optim/arena_values.h"

namespace diptych {

namespace {

std::string layer_of(const std::string& name) {
  return name.substr(0, name.rfind('/'));
}

std::string part_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}

std::string text_of(const Safetensors& file, const std::string& key) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? "" : it->second;
}

int64_t count_of(const Safetensors& file, const std::string& key) {
  const std::string text = text_of(file, key);
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A tensor of the checkpoint, checked: there, of as many elements as expected, finite.
Tensor read_source(const Safetensors& file, const std::string& name, int64_t size) {
  const auto it = file.entries().find(name);
  if (it == file.entries().end() || it->second.dtype != DType::kF32 ||
      it->second.shape.numel() != size) {
    throw InputError(file.path(),
                     name + (it == file.entries().end() ? " is missing" : " has the wrong shape"),
                     "Use another checkpoint of that network");
  }
  const Tensor values = Tensor::empty(it->second.shape, DType::kF32, Place::kHost);
  file.read(name, values.mut());
  const float* p = values.as<float>();
  if (!std::all_of(p, p + size, [](float w) { return std::isfinite(w); })) {
    throw InputError(file.path(), name + " holds numbers that are not finite",
                     "Use a checkpoint from before training went wrong");
  }
  return values;
}

// One output of the old weight on the new places, with its halves added: (places, inputs).
void put_on_new_places(const WeightPlan& plan,
                       const float* old,
                       int64_t old_k,
                       std::vector<double>& out) {
  const WeightBlock& o = plan.old_block;
  const int64_t inputs = o.inputs / (plan.add_halves ? 2 : 1);
  out.assign(static_cast<size_t>(plan.block.places * inputs), 0.0);
  for (int64_t p = 0; p < plan.block.places; ++p) {
    double* const row = out.data() + p * inputs;
    for (const auto& [old_p, weight] : plan.places[static_cast<size_t>(p)]) {
      for (int64_t c = 0; c < o.inputs; ++c)
        row[c % inputs] += weight * static_cast<double>(old[o.index(old_k, old_p, c)]);
    }
  }
}

// Writes into `values`, which hold the fresh weights.
void resize(const WeightPlan& plan, const float* old, float* values) {
  const WeightBlock& b = plan.block;
  const int64_t inputs = plan.old_block.inputs / (plan.add_halves ? 2 : 1);
  std::vector<double> placed;
  for (int64_t k = 0; k < b.outputs; ++k) {
    const int64_t old_k = plan.outputs[static_cast<size_t>(k)];
    if (old_k < 0) continue;
    put_on_new_places(plan, old, old_k, placed);
    for (int64_t p = 0; p < b.places; ++p) {
      for (int64_t c = 0; c < b.inputs; ++c) {
        const int64_t old_c = plan.inputs[static_cast<size_t>(c)];
        values[b.index(k, p, c)] =
            old_c < 0 ? 0.0f : static_cast<float>(placed[static_cast<size_t>(p * inputs + old_c)]);
      }
    }
  }
}

// What the trainer gets, on the host: written to it only when all of it is there.
struct Draft {
  const ParamArena& arena;
  ArenaValues weights;
  std::vector<ArenaValues> moments;  // of the optimizer, in its order

  Draft(const ParamArena& a, const Optimizer& optimizer) : arena(a), weights(a, copy(a.weights())) {
    for (const Optimizer::Moment& m : optimizer.moments()) moments.emplace_back(a, copy(m.values));
  }

  static Tensor copy(const Tensor& t) {
    const Tensor host = Tensor::empty(t.shape(), t.dtype(), Place::kHost);
    host.copy_from(t);
    return host;
  }

  static void store(const ArenaValues& values, const Tensor& to) {
    values.store();
    to.copy_from(values.host_buffer());
  }

  void store(ParamArena& to, const Optimizer& optimizer) const {
    store(weights, to.weights());
    for (size_t m = 0; m < moments.size(); ++m) store(moments[m], optimizer.moments()[m].values);
    to.refresh_copies();
  }
};

void copy_bits(const Tensor& from, const Tensor& to) {
  std::memcpy(to.data(), from.data(), from.bytes());
}

class Surgeon {
 public:
  Surgeon(const Safetensors& file, const SaehdTrainOptions& options)
      : file_(file), to_(options.network), options_(options) {
    report_.from = read_saehd_config(file);
    report_.iteration = count_of(file, "iteration");
    const char* const kinds[] = {"adabelief", "rmsprop", "adam"};
    report_.moments = text_of(file, "optimizer") == kinds[static_cast<int>(options.optimizer.kind)];
    drop_inters_ = text_of(file, "pretrain") == "on" && !options.pretrain;
    write_notes();
  }

  // The network's own weights.
  void carry(const Draft& draft) {
    const ParameterList& list = draft.arena.list();
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string& name = list[i].name;
      const Shape& shape = list[i].parameter->shape;
      const std::optional<WeightPlan> plan = plan_weight(report_.from, to_, name, shape);
      if (!plan || (drop_inters_ && name.rfind("inter", 0) == 0)) {
        note(name, Carried::kFresh, plan ? "pretraining has ended" : "", shape.numel());
        continue;
      }
      const Tensor old = read_source(file_, "weight/" + plan->source, plan->old_block.size());
      if (!plan->how.empty()) {
        resize(*plan, old.as<float>(), draft.weights[i].as<float>());
        note(name, Carried::kResized, plan->how, shape.numel());
        continue;
      }
      copy_bits(old, draft.weights[i]);
      note(name, Carried::kCopied, "", shape.numel());
      copy_moments(draft, i, plan->source);
    }
  }

  // A discriminator: as a whole or not at all.
  void carry_opponent(const Draft& draft) {
    const ParameterList& list = draft.arena.list();
    const bool same = std::all_of(list.begin(), list.end(), [&](const NamedParameter& p) {
      const auto it = file_.entries().find("weight/" + p.name);
      return it != file_.entries().end() && it->second.shape == p.parameter->shape;
    });
    for (size_t i = 0; i < list.size(); ++i) {
      const int64_t size = list[i].parameter->shape.numel();
      note(list[i].name, same ? Carried::kCopied : Carried::kFresh, "", size);
      if (!same) continue;
      copy_bits(read_source(file_, "weight/" + list[i].name, size), draft.weights[i]);
      copy_moments(draft, i, list[i].name);
    }
  }

  SurgeryReport report() { return std::move(report_); }

 private:
  void copy_moments(const Draft& draft, size_t i, const std::string& source) {
    if (!report_.moments) return;
    const int64_t size = draft.weights[i].numel();
    const bool adabelief = draft.moments.size() == 2;
    for (size_t m = 0; m < draft.moments.size(); ++m) {
      const char* const kind = adabelief && m == 0 ? "m/" : "v/";
      copy_bits(read_source(file_, kind + source, size), draft.moments[m][i]);
    }
  }

  // Weight and bias of a layer share a line; what was resized says so.
  void note(const std::string& name, Carried kind, const std::string& how, int64_t weights) {
    const std::string layer = layer_of(name);
    if (report_.layers.empty() || report_.layers.back().name != layer)
      report_.layers.push_back({layer, kind, how, 0});
    CarriedLayer& line = report_.layers.back();
    line.weights += weights;
    if (kind == Carried::kResized && line.kind == Carried::kCopied) line.kind = kind;
    if (line.how.empty()) line.how = how;
  }

  void write_notes() {
    const auto changed = [&](bool before, bool after, const char* what) {
      if (before != after) report_.notes.emplace_back(what);
    };
    const SaehdConfig& from = report_.from;
    changed(from.c, to_.c, "option c changes the activations: the weights were learnt for others");
    changed(from.u, to_.u, "option u changes the scale of the features that dense1 reads");
    changed(from.t, to_.t, "option t changes the depth: layers are paired by their width");
    changed(from.d, to_.d, "option d changes where the picture is put together");
    if (!report_.moments)
      report_.notes.emplace_back("another optimizer: its state starts fresh everywhere");
    if (drop_inters_) report_.notes.emplace_back("the inters of a pretrained model start fresh");
  }

  const Safetensors& file_;
  const SaehdConfig to_;
  const SaehdTrainOptions options_;
  SurgeryReport report_;
  bool drop_inters_ = false;
};

}  // namespace

const char* name_of(Carried kind) {
  switch (kind) {
    case Carried::kCopied:
      return "copied";
    case Carried::kResized:
      return "resized";
    case Carried::kFresh:
      break;
  }
  return "fresh";
}

std::vector<CarriedGroup> SurgeryReport::groups() const {
  std::vector<CarriedGroup> groups;
  std::map<std::string, size_t> layers_of;
  for (const CarriedLayer& layer : layers) {
    const std::string part = part_of(layer.name);
    ++layers_of[part];
    const auto same = [&](const CarriedGroup& g) {
      return g.part == part && g.kind == layer.kind && g.how == layer.how;
    };
    auto it = std::find_if(groups.begin(), groups.end(), same);
    if (it == groups.end())
      it = groups.insert(it, CarriedGroup{part, layer.kind, layer.how, {}, 0, false});
    it->layers.push_back(layer.name.substr(part.size() + 1));
    it->weights += layer.weights;
  }
  for (CarriedGroup& g : groups) g.whole = g.layers.size() == layers_of[g.part];
  return groups;
}

SurgeryReport carry_over(const Safetensors& from, SaehdTrainer& trainer) {
  DIPTYCH_CHECK(trainer.iteration() == 0 && trainer.in_flight() == 0,
                "carry_over: the trainer has begun, iteration ", trainer.iteration());
  Surgeon surgeon(from, trainer.options());
  const Draft network(trainer.arena(), trainer.optimizer());
  surgeon.carry(network);
  std::vector<std::pair<SaehdAdversaries::Part, Draft>> opponents;
  if (trainer.adversaries()) {
    for (const SaehdAdversaries::Part& part : trainer.adversaries()->parts())
      opponents.emplace_back(part, Draft(*part.arena, *part.optimizer));
  }
  for (const auto& [part, draft] : opponents) surgeon.carry_opponent(draft);
  network.store(trainer.arena(), trainer.optimizer());
  for (const auto& [part, draft] : opponents) draft.store(*part.arena, *part.optimizer);
  return surgeon.report();
}

}  // namespace diptych
