// The command line: one function per subcommand adds it to the parser; run_command_line() parses
// and runs the one that was chosen.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/project/settings.h"

namespace diptych {

inline constexpr int kExitOk = 0, kExitUser = 1, kExitInternal = 2;

// What the chosen subcommand does; returns the exit code.
struct CommandChoice {
  std::function<int()> run;
};

void add_init_command(CLI::App& app, CommandChoice& choice);
void add_extract_command(CLI::App& app, CommandChoice& choice);
void add_faces_command(CLI::App& app, CommandChoice& choice);
void add_train_command(CLI::App& app, CommandChoice& choice);
void add_plan_command(CLI::App& app, CommandChoice& choice);
void add_merge_command(CLI::App& app, CommandChoice& choice);
void add_model_command(CLI::App& app, CommandChoice& choice);
void add_export_command(CLI::App& app, CommandChoice& choice);
void add_info_command(CLI::App& app, CommandChoice& choice);
void add_verify_command(CLI::App& app, CommandChoice& choice);
void add_verify_run_command(CLI::App& app, CommandChoice& choice);
void add_timeline_command(CLI::App& app, CommandChoice& choice);
void add_doctor_command(CLI::App& app, CommandChoice& choice);

// Every setting of a section as a flag (--batch-size N, --random-warp, --no-random-warp), and
// --set.
class SettingFlags {
 public:
  SettingFlags(CLI::App& command, std::string section);
  // project.toml, then --set, then flags. Throws InputError.
  Settings resolve(const Settings& base) const;

 private:
  struct Flag {
    const SettingKey* key;
    std::string text;
    bool on = false;
    CLI::Option* option = nullptr;
  };

  std::string section_;
  std::list<Flag> flags_;  // CLI11 keeps pointers into it
  std::vector<std::string> pairs_;
};

// Exit code. Throws InputError for a wrong command line and whatever the command throws. Prints
// help and version on stdout.
int run_command_line(int argc, const char* const* argv);

// Calls run_command_line and turns what it throws into a line on stderr and an exit code: 1 for
// InputError, 2 for everything else; `diptych verify` has 2 for every error.
int main_exit_code(int argc, const char* const* argv);

}  // namespace diptych
