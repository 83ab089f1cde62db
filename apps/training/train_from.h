// A new model that starts from another one's weights: diptych train PROJECT --from OTHER.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

#include "apps/project/project.h"
#include "models/saehd/surgery.h"

namespace diptych {

// Writes the project's checkpoint of iteration 0 with the weights of `other`, a project folder or a
// checkpoint file, which is only read; an event in runs/RUN/metrics.jsonl has the list. An existing
// model is replaced with `force` only: it is kept as .prev, and its timeline is renamed. Throws
// InputError; the project is then as it was.
SurgeryReport start_from(const Project& project,
                         const Settings& settings,
                         const std::string& run,
                         const std::filesystem::path& other,
                         bool force);

// What was copied, resized and started fresh, as a table for the terminal.
std::string surgery_table(const SurgeryReport& report);

// Throws InputError when the project has a model or the one before it; `remedy` says what to do.
void refuse_existing_model(const Project& project, const std::string& remedy);

}  // namespace diptych
