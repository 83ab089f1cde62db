// The maps of weight surgery.
// SPDX-License-Identifier: MIT
#include "models/saehd/surgery_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace diptych {

namespace {

// "decoder_src/upscale0/conv1/weight" in its parts.
struct WeightName {
  std::string part, layer, rest;  // "decoder_src", "upscale0", "conv1/weight"

  explicit WeightName(const std::string& name) {
    const size_t first = name.find('/'), second = name.find('/', first + 1);
    part = name.substr(0, first);
    layer = name.substr(first + 1, second - first - 1);
    rest = name.substr(second + 1);
  }

  bool is_bias() const { return rest.size() >= 4 && rest.compare(rest.size() - 4, 4, "bias") == 0; }
};

bool starts_with(const std::string& text, const char* start) {
  return text.rfind(start, 0) == 0;
}

// down1/downs_0/conv1 without t is down1/conv1 with it; the rest of t has no like.
std::optional<std::string> encoder_source(const SaehdConfig& from,
                                          const SaehdConfig& to,
                                          const WeightName& name) {
  if (from.t == to.t) return name.layer + "/" + name.rest;
  if (starts_with(name.layer, "res") || name.layer == "down5") return std::nullopt;
  if (!from.t) return "down1/downs_" + std::to_string(name.layer.back() - '1') + "/" + name.rest;
  const std::string number(1, static_cast<char>(name.rest[sizeof "downs_" - 1] + 1));
  return "down" + number + name.rest.substr(name.rest.find('/'));
}

// Stages are paired by their width: with t there is one more of 8 d_dims, the second.
std::optional<int> stage_source(const SaehdConfig& from, const SaehdConfig& to, int stage) {
  if (from.t == to.t || stage == 0) return stage;
  if (from.t) return stage + 1;
  return stage == 1 ? std::nullopt : std::optional<int>(stage - 1);
}

std::optional<std::string> decoder_source(const SaehdConfig& from,
                                          const SaehdConfig& to,
                                          const WeightName& name) {
  if (name.layer == "out_convm" && from.d != to.d) return std::nullopt;
  if (starts_with(name.layer, "out_conv"))
    return (from.d || name.layer == "out_convm" ? name.layer : "out_conv") + "/" + name.rest;
  const bool mask = starts_with(name.layer, "upscalem");
  const std::optional<int> stage = stage_source(from, to, name.layer.back() - '0');
  const int stages = (from.t ? 4 : 3) + (mask && from.d ? 1 : 0);
  if (!stage || *stage >= stages) return std::nullopt;
  return name.layer.substr(0, name.layer.size() - 1) + std::to_string(*stage) + "/" + name.rest;
}

std::optional<std::string> source_of(const SaehdConfig& from,
                                     const SaehdConfig& to,
                                     const WeightName& name) {
  std::optional<std::string> inside = name.layer + "/" + name.rest;
  std::string part = name.part;
  if (part == "encoder") {
    inside = encoder_source(from, to, name);
  } else if (starts_with(part, "inter")) {
    // With t features have another depth, and there is no upscale1.
    if (from.t != to.t && name.layer == "dense1") return std::nullopt;
    if (from.t && !to.t && name.layer == "upscale1") return std::nullopt;
    if (from.liae != to.liae) part = from.liae ? "inter_AB" : "inter";
  } else {
    inside = decoder_source(from, to, name);
    if (from.liae != to.liae) part = from.liae ? "decoder" : "decoder_src";
  }
  return inside ? std::optional<std::string>(part + "/" + *inside) : std::nullopt;
}

// The sizes of a weight in a network of these options. shape: of its like in another one.
WeightBlock block_of(const SaehdConfig& c, const WeightName& name, const Shape& shape) {
  WeightBlock b;
  const int64_t low = c.lowest(), wide = c.encoder_out();
  if (name.layer == "dense1") {
    b = {c.ae_dims, wide * wide, int64_t{8} * c.e_dims};
  } else if (name.layer == "dense2") {
    b = {c.inter_channels(), low * low, c.ae_dims, true};
  } else {
    b = {shape[0], shape.rank() == 4 ? shape[1] * shape[2] : 1, shape.rank() == 4 ? shape[3] : 1};
  }
  if (name.is_bias()) {
    b.inputs = 1;
    if (!b.places_first) b.places = 1;
  }
  return b;
}

int width_of_stage(const SaehdConfig& c, int stage) {
  const int widths[] = {8, 8, 4, 2, 1}, plain[] = {8, 4, 2, 1};
  return c.t ? widths[stage] : plain[stage];
}

// Outputs and inputs of a convolution by its place in the network.
std::pair<int64_t, int64_t> conv_channels(const SaehdConfig& c, const WeightName& name) {
  const int stage = name.layer.back() - '0';
  if (name.part == "encoder") {
    const int down[] = {0, 1, 2, 4, 8, 8};
    if (starts_with(name.layer, "res")) return {down[stage] * c.e_dims, down[stage] * c.e_dims};
    const int number = c.t ? stage : name.rest[sizeof "downs_" - 1] - '0' + 1;
    return {down[number] * c.e_dims, number == 1 ? 3 : down[number - 1] * c.e_dims};
  }
  if (starts_with(name.part, "inter")) return {4 * c.inter_channels(), c.inter_channels()};
  const int last = c.t ? 3 : 2;
  if (name.layer == "out_convm")
    return {1, width_of_stage(c, last + (c.d ? 1 : 0)) * c.d_mask_dims};
  if (starts_with(name.layer, "out_conv")) return {3, width_of_stage(c, last) * c.d_dims};
  const int64_t dims = starts_with(name.layer, "upscalem") ? c.d_mask_dims : c.d_dims;
  const int64_t out = width_of_stage(c, stage) * dims;
  if (starts_with(name.layer, "res")) return {out, out};
  return {4 * out, stage == 0 ? c.decoder_in() : width_of_stage(c, stage - 1) * dims};
}

// Channels stand in `groups` runs of equal length, each mapped onto its like; the first `skip` runs
// of the new ones have none.
IndexMap map_channels(int64_t from, int64_t to, int64_t groups = 1, int64_t skip = 0) {
  IndexMap map(static_cast<size_t>(to), -1);
  const int64_t run = to / groups, old_run = from / (groups - skip);
  for (int64_t g = skip; g < groups; ++g) {
    for (int64_t i = 0; i < std::min(run, old_run); ++i)
      map[static_cast<size_t>(g * run + i)] = (g - skip) * old_run + i;
  }
  return map;
}

bool is_identity(const IndexMap& map, int64_t from) {
  IndexMap all(static_cast<size_t>(from));
  std::iota(all.begin(), all.end(), 0);
  return map == all;
}

SparseRows transposed(const SparseRows& rows, int64_t columns) {
  SparseRows out(static_cast<size_t>(columns));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const auto& [j, weight] : rows[i])
      out[static_cast<size_t>(j)].emplace_back(static_cast<int64_t>(i), weight);
  }
  return out;
}

// One-dimensional rows along both sides of a picture.
SparseRows on_picture(const SparseRows& rows, int64_t old_side) {
  SparseRows out;
  for (const auto& row_y : rows) {
    for (const auto& row_x : rows) {
      auto& entry = out.emplace_back();
      for (const auto& [y, wy] : row_y) {
        for (const auto& [x, wx] : row_x) entry.emplace_back(y * old_side + x, wy * wx);
      }
    }
  }
  return out;
}

// A 3x3 filter has a 1x1 one in its middle.
SparseRows filter_rows(int64_t places, int64_t old_places) {
  SparseRows rows(static_cast<size_t>(places));
  for (int64_t p = 0; p < places; ++p) {
    if (places == old_places) rows[static_cast<size_t>(p)] = {{p, 1.0}};
    if (old_places == 1 && p == places / 2) rows[static_cast<size_t>(p)] = {{0, 1.0}};
  }
  return rows;
}

void add_how(std::string& how, const std::string& word) {
  how += (how.empty() ? "" : ", ") + word;
}

void plan_places(const SaehdConfig& from,
                 const SaehdConfig& to,
                 const WeightName& name,
                 WeightPlan& plan) {
  const bool first = name.layer == "dense1" && !name.is_bias(), second = name.layer == "dense2";
  if (!first && !second) {
    plan.places = filter_rows(plan.block.places, plan.old_block.places);
    if (plan.block.places != plan.old_block.places) add_how(plan.how, "1x1 in the middle of 3x3");
    return;
  }
  const int64_t old_side = first ? from.encoder_out() : from.lowest(),
                side = first ? to.encoder_out() : to.lowest();
  plan.places = on_picture(
      first ? transposed(resample_rows(old_side, side), side) : resample_rows(side, old_side),
      old_side);
  if (side != old_side)
    add_how(plan.how, str("grid ", old_side, "x", old_side, " -> ", side, "x", side));
}

void plan_channels(const SaehdConfig& from,
                   const SaehdConfig& to,
                   const WeightName& name,
                   WeightPlan& plan) {
  const WeightBlock &old = plan.old_block, &now = plan.block;
  const bool upscales = starts_with(name.layer, "upscale");
  plan.outputs = map_channels(old.outputs, now.outputs, upscales ? 4 : 1);
  const bool entry = (name.layer == "upscale0" || name.layer == "upscalem0") && !name.is_bias();
  plan.add_halves = entry && from.liae && !to.liae;
  const int64_t old_inputs = plan.add_halves ? old.inputs / 2 : old.inputs;
  plan.inputs = map_channels(old_inputs, now.inputs, entry && to.liae ? 2 : 1,
                             entry && to.liae && !from.liae ? 1 : 0);
  if (plan.add_halves) add_how(plan.how, "both halves of the input added");
  const auto grown = [](const IndexMap& map) { return std::count(map.begin(), map.end(), -1) > 0; };
  const bool wider = grown(plan.outputs) || grown(plan.inputs);
  if (wider) add_how(plan.how, "wider");
  const auto count = [](const IndexMap& map) {
    return static_cast<int64_t>(map.size()) - std::count(map.begin(), map.end(), -1);
  };
  if (count(plan.outputs) < old.outputs || count(plan.inputs) < old_inputs)
    add_how(plan.how, "narrower");
  DIPTYCH_CHECK(
      wider || !plan.how.empty() ||
          (is_identity(plan.outputs, old.outputs) && is_identity(plan.inputs, old_inputs)),
      "plan_weight: channels of ", plan.source, " are out of order");
}

}  // namespace

SparseRows resample_rows(int64_t to, int64_t from) {
  SparseRows rows(static_cast<size_t>(to));
  const double step = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t i = 0; i < to; ++i) {
    auto& row = rows[static_cast<size_t>(i)];
    if (to >= from) {
      const double x = std::clamp((static_cast<double>(i) + 0.5) * step - 0.5, 0.0,
                                  static_cast<double>(from - 1));
      const auto left = static_cast<int64_t>(x);
      const double right_weight = x - static_cast<double>(left);
      row.emplace_back(left, 1.0 - right_weight);
      if (right_weight > 0) row.emplace_back(left + 1, right_weight);
      continue;
    }
    const double begin = static_cast<double>(i) * step, end = begin + step;
    for (auto j = static_cast<int64_t>(begin); j < from && static_cast<double>(j) < end; ++j) {
      const double overlap =
          std::min(end, static_cast<double>(j + 1)) - std::max(begin, static_cast<double>(j));
      if (overlap > 0) row.emplace_back(j, overlap / step);
    }
  }
  return rows;
}

std::optional<WeightPlan> plan_weight(const SaehdConfig& from,
                                      const SaehdConfig& to,
                                      const std::string& full_name,
                                      const Shape& shape) {
  const WeightName name(full_name);
  const std::optional<std::string> source = source_of(from, to, name);
  if (!source) return std::nullopt;
  WeightPlan plan;
  plan.source = *source;
  plan.block = block_of(to, name, shape);
  const WeightName there(*source);
  plan.old_block = block_of(from, there, shape);
  if (name.layer != "dense1" && name.layer != "dense2") {
    const auto [outputs, inputs] = conv_channels(from, there);
    plan.old_block.outputs = outputs;
    if (!name.is_bias()) plan.old_block.inputs = inputs;
    const bool widened = there.layer == "out_conv" && name.layer != "out_conv";
    if (widened && !name.is_bias()) plan.old_block.places = 1;
  }
  plan_places(from, to, name, plan);
  plan_channels(from, to, name, plan);
  return plan;
}

}  // namespace diptych
