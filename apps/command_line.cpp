// Parsing, help, version and the meeting point of all errors.
// SPDX-License-Identifier: MIT
#include "apps/command_line.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <new>

#include "kernels/common/check.h"

namespace diptych {

namespace {

std::string flag_name(std::string_view name) {
  std::string flag(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

// The option or subcommand that the user may have meant.
std::string suggestion(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  const bool option = word.rfind("--", 0) == 0;
  const std::string bare = flag_name(word.substr(0, word.find('=')));
  if (option) {
    for (const CLI::Option* o : app.get_options()) {
      for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
    }
  } else {
    for (const CLI::App* sub : app.get_subcommands({})) known.push_back(sub->get_name());
  }
  const std::string nearest = nearest_word(bare, known);
  return nearest.empty() ? "" : "Did you mean " + nearest + "? ";
}

const CLI::App& deepest(const CLI::App& app) {
  const CLI::App* current = &app;
  while (!current->get_subcommands().empty()) current = current->get_subcommands().back();
  return *current;
}

std::string command_path(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : command_path(*parent) + " " + app.get_name();
}

[[noreturn]] void refuse_command_line(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = deepest(app);
  const std::string path = command_path(command);
  const std::vector<std::string> rest = app.remaining(true);
  const std::string hint = rest.empty() ? "" : suggestion(command, rest.front());
  std::string cause = error.what();
  while (!cause.empty() && (cause.back() == '.' || cause.back() == '\n')) cause.pop_back();
  const bool no_command = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
                          !command.get_subcommands({}).empty() && !rest.empty();
  if (no_command) cause = "there is no command '" + rest.front() + "'";
  throw InputError(path, cause, hint + "See " + path + " --help");
}

int fail(int code, const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return code;
}

}  // namespace

SettingFlags::SettingFlags(CLI::App& command, std::string section) : section_(std::move(section)) {
  command.add_option("--set", pairs_, "change settings for this run: key=value ...")
      ->type_name("KEY=VALUE")
      ->group("Settings");
  for (const SettingKey& key : setting_keys()) {
    if (key.section != section_) continue;
    Flag& flag = flags_.emplace_back(Flag{&key, "", false, nullptr});
    const std::string name = flag_name(key.name);
    const std::string help = std::string(key.help) + " [" + std::string(key.fallback) + "]";
    if (key.kind == SettingKind::kBool) {
      flag.option = command.add_flag("--" + name + ",!--no-" + name, flag.on, help);
    } else {
      flag.option = command.add_option("--" + name, flag.text, help)
                        ->type_name(key.kind == SettingKind::kText ? "WORD" : "NUMBER");
    }
    flag.option->group(key.hidden ? "" : "Settings");
  }
}

Settings SettingFlags::resolve(const Settings& base) const {
  Settings settings = base;
  for (const std::string& pair : pairs_) settings.assign(pair, "--set", section_);
  for (const Flag& flag : flags_) {
    if (flag.option->count() == 0) continue;
    const std::string origin = "--" + flag_name(flag.key->name);
    const bool is_bool = flag.key->kind == SettingKind::kBool;
    settings.set(flag.key->full(), is_bool ? (flag.on ? "on" : "off") : flag.text, origin);
  }
  settings.validate("settings");
  return settings;
}

int run_command_line(int argc, const char* const* argv) {
  CLI::App app(
      "diptych trains face-swap networks and carries the work around them, from video to "
      "video.",
      "diptych");
  app.set_version_flag("--version", "diptych " DIPTYCH_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "The usual way: diptych init P --src A.mp4 --dst B.mp4, then extract P, train P,\n"
      "merge P -o OUT.mp4. Help on one of them: diptych train --help");
  CommandChoice choice;
  add_doctor_command(app, choice);
  add_init_command(app, choice);
  add_extract_command(app, choice);
  add_faces_command(app, choice);
  add_train_command(app, choice);
  add_plan_command(app, choice);
  add_merge_command(app, choice);
  add_model_command(app, choice);
  add_export_command(app, choice);
  add_timeline_command(app, choice);
  add_verify_command(app, choice);
  add_verify_run_command(app, choice);
  add_info_command(app, choice);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    if (argc <= 1) {
      std::cout << app.help();
      return kExitUser;
    }
    refuse_command_line(app, error);
  }
  DIPTYCH_CHECK(choice.run, "command line: no command was chosen");
  return choice.run();
}

int main_exit_code(int argc, const char* const* argv) {
  const bool verify = argc > 1 && std::strcmp(argv[1], "verify") == 0;
  try {
    return run_command_line(argc, argv);
  } catch (const InputError& error) {
    return fail(verify ? kExitInternal : kExitUser, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kExitInternal,
                "not enough memory. Lower batch_size, resolution or the dims of the network");
  } catch (const std::exception& error) {
    return fail(kExitInternal, error.what());
  }
}

}  // namespace diptych
