// Any bytes as a project.toml: it is refused, or it is a project whose settings are all legal and
// can be written and read again to the same.
// SPDX-License-Identifier: MIT
#include <optional>

#include "apps/project/project.h"
#include "kernels/common/check.h"
#include "tests/fuzz/scratch_folder.h"

namespace {

using namespace diptych;

std::string settings_text(const Settings& settings) {
  std::string text;
  for (const char* section : {"extract", "train", "merge"})
    text += settings.toml_section(section, false);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFolder folder;
  std::optional<Project> project;
  try {
    folder.write("project.toml", {data, size});
    project = Project::open(folder.path());
  } catch (const InputError&) {
    return 0;
  }
  const std::string before = settings_text(project->settings());
  ProjectPlan plan;
  plan.settings = project->settings();
  for (const Side side : kSides) {
    SourceRecord& record = plan.sources[static_cast<size_t>(side)];
    record = project->record(side);
    if (record.file.find('/') != std::string::npos) std::abort();
  }
  const std::string text = project_toml(plan);
  folder.write("project.toml", {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  if (settings_text(Project::open(folder.path()).settings()) != before) std::abort();
  return 0;
}
