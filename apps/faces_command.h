// What the actions of diptych faces share: arguments, which faceset is meant, flags.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "apps/exchange/faces_transfer.h"
#include "faces/faceset/faceset.h"

namespace diptych {

struct FacesArguments {
  std::string target, side, path, sort;
  std::vector<std::string> ids;
  bool trash = false, all = false, json = false;
  int columns = 12, thumb = 96, count = 8;
  // Of worst and of trash by loss.
  int64_t worst = 0, min_seen = 16;
  std::optional<double> loss_above;
  FacesTransfer transfer;
  std::unique_ptr<SettingFlags> flags;
};

// The faceset that TARGET and --side mean.
std::filesystem::path faceset_path(const FacesArguments& a);

// Ascending.
std::vector<int64_t> sorted_ids(const Faceset& faces, std::optional<FaceState> state);

// An action with TARGET and --side.
CLI::App* add_faces_action(CLI::App& faces,
                           CommandChoice& choice,
                           const std::shared_ptr<FacesArguments>& a,
                           const char* name,
                           const char* help,
                           int (*run)(const FacesArguments&));

void add_id_arguments(CLI::App& command, FacesArguments& a, bool required);

// faces_state.cpp: trash, restore, undo.
void add_state_actions(CLI::App& faces,
                       CommandChoice& choice,
                       const std::shared_ptr<FacesArguments>& a);
// faces_worst.cpp
void add_worst_action(CLI::App& faces,
                      CommandChoice& choice,
                      const std::shared_ptr<FacesArguments>& a);
// faces_report.cpp
void add_report_action(CLI::App& faces, CommandChoice& choice);

}  // namespace diptych
