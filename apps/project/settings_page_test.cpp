// docs/user/settings.md says what the table of settings says. DIPTYCH_UPDATE_PAGES=1 rewrites it.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "apps/project/settings.h"

namespace diptych {
namespace {

std::string escaped(std::string text) {
  for (size_t at = 0; (at = text.find('*', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

std::string settings_page() {
  const Settings settings;
  std::ostringstream page;
  page
      << "# Settings\n\n"
         "<!-- Written by apps/project/settings_page_test.cpp from "
         "apps/project/settings_table.cpp. -->\n\n"
         "Every setting stands in `project.toml` with this table's help beside it. A flag of the\n"
         "command (`--batch-size 4`, `--random-warp`, `--no-random-warp`) or `--set batch_size=4`\n"
         "goes before it, for that run only. What a run used is stored in "
         "`runs/NAME/settings.toml`\n"
         "and in its `metrics.jsonl`.\n\n"
         "In `--set`, a bare key means the section of the command (`init`: `[train]`) when it is\n"
         "there, else the section that has it; `section.key` is always clear. Switches take on,\n"
         "off, true, false, yes or no. A key that does not exist and a value that is not legal "
         "are\n"
         "errors.\n";
  std::string section;
  for (const SettingKey& key : setting_keys()) {
    if (key.hidden) continue;
    if (key.section != section) {
      section = key.section;
      page << "\n## [" << section
           << "]\n\n| key | default | legal values | meaning |\n|---|---|---|---|\n";
    }
    page << "| `" << key.name << "` | `" << key.fallback << "` | " << escaped(legal_values(key))
         << (key.fixed ? "; **fixed once the model exists**" : "") << " | "
         << escaped(std::string(key.help)) << " |\n";
  }
  return page.str();
}

TEST(SettingsPage, SaysWhatTheTableSays) {
  const auto file = std::filesystem::path(DIPTYCH_SOURCE_DIR) / "docs/user/settings.md";
  if (std::getenv("DIPTYCH_UPDATE_PAGES") != nullptr) std::ofstream(file) << settings_page();
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), settings_page()) << "run the test once with DIPTYCH_UPDATE_PAGES=1";
}

}  // namespace
}  // namespace diptych
