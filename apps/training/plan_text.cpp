// A plan for people, and as JSON.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "apps/terminal/progress.h"
#include "apps/training/train_plan.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using nlohmann::ordered_json;

constexpr double kGiga = 1e9;

double flops(const TrainPlan& plan) {
  return 2 * total_macs(plan.costs);
}

// A line of a table: a name, then numbers that stand under each other.
std::string line_of(const std::string& name, const std::vector<std::string>& cells) {
  if (cells.empty()) return name + "\n";
  char line[160];
  std::snprintf(line, sizeof line, "%-28s", name.c_str());
  std::string text = line;
  for (const std::string& cell : cells) {
    std::snprintf(line, sizeof line, " %14s", cell.c_str());
    text += line;
  }
  return text + "\n";
}

std::string row(const std::string& name, const std::vector<std::string>& cells) {
  return line_of("  " + name, cells);
}

std::string heading(const std::string& name, const std::vector<std::string>& cells) {
  return "\n" + line_of(name, cells);
}

std::vector<std::pair<std::string, double>> memory_rows(const TrainMemory& m) {
  return {{"weights", m.weights},
          {"gradients", m.gradients},
          {"optimizer moments", m.moments},
          {"bf16 copies", m.copies},
          {"discriminators", m.discriminators},
          {"batch", m.batch},
          {"activations", m.activations()},
          {"kept for reuse", m.reserved - m.peak},
          {"workspace", m.workspace}};
}

double apart_percent(const TrainPlan& plan) {
  const auto foretold = static_cast<double>(plan.memory.peak);
  const auto real = static_cast<double>(plan.measured->memory.peak);
  return 100 * std::abs(foretold - real) / real;
}

std::string cost_text(const TrainPlan& plan) {
  std::string text = heading("GFLOP an iteration", {"parameters", "forward", "backward"});
  for (const PartCost& c : plan.costs) {
    text +=
        row(c.part, {c.parameters > 0 ? format_count(c.parameters) : "",
                     format_number(2 * c.forward / kGiga), format_number(2 * c.backward / kGiga)});
  }
  return text +
         row("together", {format_count(plan.parameters()), "", format_number(flops(plan) / kGiga)});
}

std::string memory_text(const TrainPlan& plan) {
  const bool both = plan.measured.has_value();
  std::string text = heading("memory", both ? std::vector<std::string>{"foretold", "measured"}
                                            : std::vector<std::string>{"foretold"});
  const auto foretold = memory_rows(plan.memory);
  const auto real = both ? memory_rows(plan.measured->memory) : foretold;
  for (size_t i = 0; i < foretold.size(); ++i) {
    if (foretold[i].second == 0 && real[i].second == 0) continue;
    std::vector<std::string> cells = {format_bytes(foretold[i].second)};
    if (both) cells.push_back(format_bytes(real[i].second));
    text += row(foretold[i].first, cells);
  }
  if (both) {
    text += row("peak of the allocator",
                {format_bytes(static_cast<double>(plan.memory.peak)),
                 format_bytes(static_cast<double>(plan.measured->memory.peak))});
    char apart[32];
    std::snprintf(apart, sizeof apart, "%.2f %%", apart_percent(plan));
    text += row("  apart", {"", apart});
  }
  text += row("faces, about", {format_bytes(plan.faces)});
  text += row("samples ahead, about", {format_bytes(plan.sampler)});
  if (plan.program > 0) text += row("the program itself", {format_bytes(plan.program)});
  text += row("together", {format_bytes(plan.memory_total())});
  text += row("to fit into", {format_bytes(plan.memory_free)});
  if (plan.foretold_on_cpu)
    text += "  foretold with the blocks of engine cpu; " + plan.engine + " takes somewhat others\n";
  return text;
}

std::string disk_text(const TrainPlan& plan) {
  const PlanDisk& d = plan.disk;
  return heading("disk", {}) + row("a checkpoint", {format_bytes(d.checkpoint)}) +
         row(str("kept in ", format_number(d.hours), " h of training"), {format_count(d.kept)}) +
         row("together, while saving", {format_bytes(d.total)}) +
         row("to fit onto", {format_bytes(d.free)});
}

std::string time_text(const TrainPlan& plan) {
  if (!plan.measured) return "";
  const PlanMeasured& m = *plan.measured;
  const std::string what = plan.target > 0 ? str("to iteration ", format_count(plan.target))
                                           : format_count(plan.iterations_left()) + " iterations";
  return heading(str("time, of ", kPlanSteps, " iterations"), {}) +
         row("an iteration", {format_number(m.median_ms) + " ms"}) +
         row("  between", {format_number(m.least_ms) + " ms", format_number(m.most_ms) + " ms"}) +
         row("  waiting for samples", {format_number(m.wait_ms) + " ms"}) +
         row("GFLOP a second", {format_number(flops(plan) / m.median_ms / 1e6)}) +
         row(what, {format_number(plan.hours()) + " h"});
}

std::string verdict(const TrainPlan& plan) {
  std::string text;
  for (const std::string& m : plan.missing) text += "missing: " + m + "\n";
  if (!plan.fits()) text += "does not fit into the memory\n";
  if (!plan.disk.fits()) text += "does not fit onto the disk\n";
  for (const Suggestion& s : plan.suggestions)
    text += str("  ", s.fits ? "fits" : "too large", " with ", s.change, ": ",
                format_bytes(s.total), s.disk ? " of disk" : " of memory", "\n");
  if (plan.fits() && plan.disk.fits()) text += "fits into memory and disk\n";
  return text;
}

ordered_json json_of(const TrainMemory& m) {
  ordered_json j = ordered_json::object();
  for (auto [name, bytes] : memory_rows(m)) {
    for (char& c : name)
      if (c == ' ') c = '_';
    j[name] = static_cast<int64_t>(bytes);
  }
  j["peak"] = m.peak;
  j["total"] = m.total();
  return j;
}

}  // namespace

std::string plan_text(const TrainPlan& plan) {
  const SaehdConfig& n = plan.options.network;
  return str(n.archi(), ' ', n.resolution, ", ae ", n.ae_dims, " e ", n.e_dims, " d ", n.d_dims,
             " mask ", n.d_mask_dims, ", batch ", plan.options.batch_size, ", ",
             name_of(plan.options.dtype), ", engine ", plan.engine, ", ", plan.threads,
             " threads\n") +
         cost_text(plan) + memory_text(plan) + disk_text(plan) + time_text(plan) + "\n" +
         verdict(plan);
}

std::string plan_json(const TrainPlan& plan) {
  ordered_json parts = ordered_json::array();
  for (const PartCost& c : plan.costs) {
    parts.push_back({{"part", c.part},
                     {"parameters", c.parameters},
                     {"forward_flop", 2 * c.forward},
                     {"backward_flop", 2 * c.backward}});
  }
  ordered_json suggestions = ordered_json::array();
  for (const Suggestion& s : plan.suggestions) {
    suggestions.push_back({{"change", s.change},
                           {"of", s.disk ? "disk" : "memory"},
                           {"bytes", static_cast<int64_t>(s.total)},
                           {"fits", s.fits}});
  }
  const SaehdConfig& n = plan.options.network;
  ordered_json j = {{"network", n.archi()},
                    {"resolution", n.resolution},
                    {"batch_size", plan.options.batch_size},
                    {"dtype", name_of(plan.options.dtype)},
                    {"engine", plan.engine},
                    {"threads", plan.threads},
                    {"parameters", plan.parameters()},
                    {"flop", flops(plan)},
                    {"parts", parts},
                    {"memory",
                     {{"foretold", json_of(plan.memory)},
                      {"foretold_on_cpu", plan.foretold_on_cpu},
                      {"faces", static_cast<int64_t>(plan.faces)},
                      {"sampler", static_cast<int64_t>(plan.sampler)},
                      {"program", static_cast<int64_t>(plan.program)},
                      {"total", static_cast<int64_t>(plan.memory_total())},
                      {"free", static_cast<int64_t>(plan.memory_free)},
                      {"fits", plan.fits()}}},
                    {"disk",
                     {{"checkpoint", static_cast<int64_t>(plan.disk.checkpoint)},
                      {"kept", plan.disk.kept},
                      {"hours", plan.disk.hours},
                      {"total", static_cast<int64_t>(plan.disk.total)},
                      {"free", static_cast<int64_t>(plan.disk.free)},
                      {"fits", plan.disk.fits()}}},
                    {"missing", plan.missing},
                    {"suggestions", suggestions}};
  if (plan.measured) {
    const PlanMeasured& m = *plan.measured;
    j["memory"]["measured"] = json_of(m.memory);
    j["memory"]["apart_percent"] = apart_percent(plan);
    j["time"] = {{"iterations", kPlanSteps}, {"median_ms", m.median_ms},
                 {"least_ms", m.least_ms},   {"most_ms", m.most_ms},
                 {"wait_ms", m.wait_ms},     {"iterations_left", plan.iterations_left()},
                 {"hours", plan.hours()}};
  }
  return j.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace diptych
