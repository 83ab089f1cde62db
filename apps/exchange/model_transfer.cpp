// Importing and exporting models.
// SPDX-License-Identifier: MIT
#include "apps/exchange/model_transfer.h"

#include <algorithm>
#include <array>
#include <list>

#include "apps/exchange/model_letters.h"
#include "apps/project/project_lock.h"
#include "apps/training/metrics.h"
#include "apps/training/predictor.h"
#include "apps/training/timeline.h"
#include "apps/training/train_data.h"
#include "apps/training/train_from.h"
#include "faces/image/file_io.h"
#include "kernels/common/check.h"
#include "models/saehd/dfl_weights.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

constexpr size_t kTriedFaces = 4;         // of a side
constexpr size_t kPlottedLosses = 20000;  // of a longer history every so many are kept

std::string network_text(const SaehdConfig& c) {
  return str(c.archi(), ' ', c.resolution, ", ae ", c.ae_dims, " e ", c.e_dims, " d ", c.d_dims,
             " mask ", c.d_mask_dims);
}

// The history for the plot of losses, when the run has none yet.
void store_losses(const Project& project, const DflModel& model) {
  const fs::path file = project.run("main") / "metrics.jsonl";
  std::error_code error;
  if (model.losses.empty() || fs::exists(file, error)) return;
  const size_t count = model.losses.size();
  const size_t step = (count + kPlottedLosses - 1) / kPlottedLosses;
  // The last loss is that of the last iteration.
  const int64_t before = model.iteration - static_cast<int64_t>(count);
  std::string text;
  for (size_t i = (count - 1) % step; i < count; i += step) {
    StepRecord record;
    record.iteration = before + static_cast<int64_t>(i) + 1;
    record.src = static_cast<double>(model.losses[i].first);
    record.dst = static_cast<double>(model.losses[i].second);
    if (record.iteration > 0) text += metrics_line(record) + "\n";
  }
  write_file_atomic(file, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

std::vector<std::pair<float, float>> losses_of(const Project& project, int64_t iteration) {
  std::vector<std::pair<float, float>> out;
  for (const LossPoint& p : read_losses(project.run("main") / "metrics.jsonl")) {
    if (p.iteration <= iteration) out.emplace_back(p.src, p.dst);
  }
  return out;
}

// data.dat last: it makes the others a model.
std::vector<std::string> export_names(const Safetensors& checkpoint, const std::string& prefix) {
  std::vector<std::string> files;
  for (const std::string& part : dfl_parts(read_saehd_config(checkpoint)))
    files.push_back(prefix + part + ".npy");
  files.push_back(prefix + dfl_optimizer_name(""));
  for (const std::string& part : dfl_discriminators(checkpoint)) {
    files.push_back(prefix + part + ".npy");
    files.push_back(prefix + dfl_optimizer_name(part));
  }
  files.push_back(prefix + "data.dat");
  return files;
}

std::vector<uint8_t> export_bytes(const Safetensors& checkpoint, const std::string& file) {
  if (file == dfl_optimizer_name("")) return dfl_optimizer_file(checkpoint);
  for (const std::string& part : dfl_discriminators(checkpoint)) {
    if (file == dfl_optimizer_name(part)) return dfl_optimizer_file(checkpoint, part);
  }
  return dfl_weight_file(checkpoint, fs::path(file).stem().string());
}

// Empty when the letters fit, or when there are no faces yet to try them on.
std::string doubt_about(const Project& project, const Settings& settings) {
  const FaceType type = face_type_from(settings.word("train.face_type"));
  const PrepareOptions prepare{static_cast<int>(settings.integer("train.resolution")), type, false};
  std::array<std::vector<Face>, 2> faces;
  std::error_code error;
  for (const Side side : kSides) {
    if (!fs::exists(project.faces(side), error)) return {};
    try {
      std::vector<Face> all = load_faces(project.faces(side), type);
      const size_t n = std::min(kTriedFaces, all.size());
      for (size_t i = 0; i < n; ++i)
        faces[static_cast<size_t>(side)].push_back(all[i * all.size() / n]);
    } catch (const InputError&) {  // empty, or of too small a face type: training will say so
      return {};
    }
  }
  Stream stream(Engine::kCpu, static_cast<int>(settings.integer("train.threads")));
  const StreamGuard guard(stream);
  const Safetensors checkpoint = Safetensors::open(project.checkpoint().string());
  try {
    return doubt_of_letters(try_letters(checkpoint, Holdout(faces[0], faces[1], prepare)));
  } catch (const InputError&) {  // a face that cannot be prepared: the model is imported already
    return {};
  }
}

}  // namespace

ModelImport import_dfl_model(const Project& project, const ModelTransfer& transfer) {
  if (!transfer.force) {
    refuse_existing_model(project,
                          "Import into another project, or give --force to replace it; it is then "
                          "kept as " +
                              project.checkpoint().filename().string() + ".prev");
  }
  const DflModel model = open_dfl_model(transfer.folder, transfer.name, transfer.archi);
  ModelImport result;
  result.notes = model.notes;
  std::vector<std::string> keys;
  const Settings settings = with_dfl_options(project.settings(), model, keys, result.notes);
  settings.validate(model.file("data.dat").string());
  project.make_folders("main");
  const ProjectLock lock(project);
  SaehdTrainer trainer(train_options(settings));
  const DflLoadReport report = load_dfl_weights(model, trainer);
  result.notes.insert(result.notes.end(), report.notes.begin(), report.notes.end());
  Metadata extra = remembered_settings(settings);
  extra["imported_from"] = "DeepFaceLab " + model.kind + " model " + model.name;
  extra["consent_src"] = project.record(Side::kSrc).consent;
  extra["consent_dst"] = project.record(Side::kDst).consent;
  Timeline(project).put_aside();
  trainer.save(project.checkpoint().string(), extra);
  store_train_settings(project, settings, keys);
  store_losses(project, model);
  for (const std::string& key : keys)
    result.changed.push_back(key.substr(key.find('.') + 1) + " = " + settings.toml_value(key));
  result.iteration = model.iteration;
  result.weights = report.weights;
  result.moments = report.moments;
  result.network = network_text(model.network);
  const std::string doubt = doubt_about(project, settings);
  if (!doubt.empty()) result.notes.push_back(doubt);
  return result;
}

std::vector<std::string> export_dfl_model(const Project& project, const ModelTransfer& transfer) {
  const Safetensors checkpoint = open_checkpoint(project.checkpoint());
  check_fixed_settings(checkpoint, project.settings());
  const std::string name = transfer.name.empty() ? "diptych" : transfer.name;
  if (name.find_first_of("_/\\") != std::string::npos || name[0] == '.') {
    throw InputError("--name " + name, "DeepFaceLab takes the part before the first _ as the name",
                     "Use letters, digits and minus signs");
  }
  const std::string prefix = name + "_SAEHD_";
  const std::vector<std::string> files = export_names(checkpoint, prefix);
  std::error_code error;
  for (const std::string& file : files) {
    if (!transfer.force && fs::exists(transfer.folder / file, error))
      throw InputError((transfer.folder / file).string(), "is there already",
                       "Choose another --name, or give --force to replace that model");
  }
  fs::create_directories(transfer.folder, error);
  if (error) throw file_error(transfer.folder, "cannot be made", error.value());
  const int64_t iteration = std::stoll(checkpoint.metadata().at("iteration"));
  std::list<PendingFile> pending;
  for (const std::string& file : files) {
    const std::string part = file.substr(prefix.size());
    const std::vector<uint8_t> bytes =
        part == "data.dat" ? dfl_data_file(iteration, dfl_options_of(project.settings()),
                                           losses_of(project, iteration))
                           : export_bytes(checkpoint, part);
    pending.emplace_back(transfer.folder / file).write(bytes);
  }
  for (PendingFile& file : pending) file.publish();
  return files;
}

}  // namespace diptych
