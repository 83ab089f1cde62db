// A project's model from and to DeepFaceLab's model folder.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/project/project.h"
#include "models/saehd/dfl_model.h"

namespace diptych {

struct ModelTransfer {
  std::filesystem::path folder;
  std::string name;    // of the model there
  std::string archi;   // import: see open_dfl_model
  bool force = false;  // replace what is there
};

// Settings with what the model's options say; keys whose value changed are added to `changed`, and
// what was passed over to `notes`. Throws InputError for a value that the network cannot have.
Settings with_dfl_options(const Settings& settings,
                          const DflModel& model,
                          std::vector<std::string>& changed,
                          std::vector<std::string>& notes);

// Every option that DeepFaceLab's trainer asks for, from our settings.
DflOptions dfl_options_of(const Settings& settings);

// Writes the values of these keys ("train.resolution") into project.toml; comments and other lines
// stay. Throws InputError when the file cannot be changed so; it is then as it was.
void store_train_settings(const Project& project,
                          const Settings& settings,
                          const std::vector<std::string>& keys);

struct ModelImport {
  int64_t iteration = 0, weights = 0;
  bool moments = false;
  std::string network;               // "df-ud 128, ae 256 ..."
  std::vector<std::string> changed;  // settings, "resolution = 128"
  std::vector<std::string> notes;
};

// The checkpoint is written first, project.toml after it: whenever the program dies, the project is
// as it was, or train says what to change. An existing checkpoint is replaced with `force` only,
// and kept as .prev.
ModelImport import_dfl_model(const Project& project, const ModelTransfer& transfer);

// Writes NAME_SAEHD_*.npy and data.dat, all aside first; data.dat, which makes the rest a model,
// appears last. Existing files are replaced with `force` only. Returns the files' names.
std::vector<std::string> export_dfl_model(const Project& project, const ModelTransfer& transfer);

}  // namespace diptych
