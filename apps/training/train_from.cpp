// Weight surgery for a project.
// SPDX-License-Identifier: MIT
#include "apps/training/train_from.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "apps/project/project_lock.h"
#include "apps/terminal/progress.h"
#include "apps/training/metrics.h"
#include "apps/training/timeline.h"
#include "apps/training/train_data.h"
#include "faces/image/file_io.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"
#include "tensor/tensor.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

constexpr size_t kListedLayers = 4;  // names of layers in a row of the table

// OTHER may be the project, its checkpoint, or a state of its timeline.
fs::path checkpoint_of(const fs::path& other) {
  std::error_code error;
  if (!fs::exists(other, error))
    throw InputError(other.string(), "there is no such project or checkpoint", "Check the path");
  if (!fs::is_directory(other, error)) return other;
  const fs::path file = Project::open(other).checkpoint();
  if (fs::exists(file, error)) return file;
  throw InputError(file.string(), "is not there: that project has no model yet",
                   "Train it first, or give another one");
}

std::string network_text(const SaehdConfig& c) {
  return str(c.archi(), ' ', c.resolution, ", ae ", c.ae_dims, " e ", c.e_dims, " d ", c.d_dims,
             " mask ", c.d_mask_dims);
}

nlohmann::ordered_json as_json(const SurgeryReport& report) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const CarriedGroup& g : report.groups()) {
    list.push_back({{"part", g.part},
                    {"what", name_of(g.kind)},
                    {"how", g.how},
                    {"layers", g.layers},
                    {"weights", g.weights}});
  }
  return list;
}

void note_in_metrics(const Project& project,
                     const std::string& run,
                     const fs::path& file,
                     const SurgeryReport& report) {
  MetricsWriter metrics(project.run(run) / "metrics.jsonl");
  metrics.event("surgery", 0,
                {{"from", nlohmann::json(file.string()).dump()},
                 {"network", nlohmann::json(network_text(report.from)).dump()},
                 {"iteration", std::to_string(report.iteration)},
                 {"moments", report.moments ? "true" : "false"},
                 {"layers", as_json(report).dump()},
                 {"notes", nlohmann::json(report.notes).dump()}});
}

std::string padded(std::string text, size_t width, bool right = false) {
  if (text.size() < width) text.insert(right ? 0 : text.size(), width - text.size(), ' ');
  return text;
}

std::string layers_text(const CarriedGroup& g) {
  if (g.whole) return "all " + std::to_string(g.layers.size());
  std::string text;
  for (size_t i = 0; i < std::min(kListedLayers, g.layers.size()); ++i) {
    std::string name = g.layers[i];
    const size_t conv = name.rfind("/conv1");
    if (conv != std::string::npos && name.rfind("res", 0) != 0) name.resize(conv);
    text += (i == 0 ? "" : ", ") + name;
  }
  if (g.layers.size() > kListedLayers)
    text += str(", and ", g.layers.size() - kListedLayers, " more");
  return text;
}

}  // namespace

void refuse_existing_model(const Project& project, const std::string& remedy) {
  for (const std::string end : {"", ".prev"}) {
    const fs::path file = project.checkpoint().string() + end;
    std::error_code error;
    if (fs::exists(file, error))
      throw InputError(file.string(), "is there already: the project has a model", remedy);
  }
}

std::string surgery_table(const SurgeryReport& report) {
  std::string text =
      padded("part", 20) + padded("what", 9) + padded("weights", 13, true) + "  layers\n";
  for (const CarriedGroup& g : report.groups()) {
    text += padded(g.part, 20) + padded(name_of(g.kind), 9) +
            padded(format_count(g.weights), 13, true) + "  " + layers_text(g) +
            (g.how.empty() ? "" : ": " + g.how) + "\n";
  }
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  return text;
}

SurgeryReport start_from(const Project& project,
                         const Settings& settings,
                         const std::string& run,
                         const fs::path& other,
                         bool force) {
  if (!force)
    refuse_existing_model(project,
                          "Use --from in a project without a model, or give --force to replace it; "
                          "it is then kept as .prev");
  const fs::path path = checkpoint_of(other);
  std::error_code error;
  if (fs::equivalent(path, project.checkpoint(), error))
    throw InputError(path.string(), "is the project's own model", "Give another project");
  settings.validate("settings");
  const Safetensors file = Safetensors::open(path.string());
  project.make_folders(run);
  const ProjectLock lock(project);
  Stream stream;
  const StreamGuard guard(stream);
  SaehdTrainer trainer(train_options(settings));
  const SurgeryReport report = carry_over(file, trainer);
  Metadata extra = remembered_settings(settings);
  const auto sum = file.metadata().find("checksum");
  extra["from"] =
      str(fs::absolute(path).lexically_normal().string(), ", ", network_text(report.from),
          ", iteration ", report.iteration, sum == file.metadata().end() ? "" : ", " + sum->second);
  extra["consent_src"] = project.record(Side::kSrc).consent;
  extra["consent_dst"] = project.record(Side::kDst).consent;
  Timeline(project).put_aside();
  trainer.save(project.checkpoint().string(), extra);
  note_in_metrics(project, run, path, report);
  return report;
}

}  // namespace diptych
