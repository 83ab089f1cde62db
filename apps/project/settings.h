// Settings: every key a user can set, with its legal values, default and meaning. One table serves
// project.toml, --set, the flags of the commands, the help texts and docs/user/settings.md.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace diptych {

enum class SettingKind { kBool, kInt, kReal, kText };

struct SettingKey {
  std::string_view section;  // extract, train or merge
  std::string_view name;
  SettingKind kind;
  std::string_view fallback;  // the default, as a user would write it
  double low, high;           // of numbers
  int multiple;               // of integers, 1: any
  std::string_view choices;   // words separated by blanks; empty: any text
  bool fixed;                 // part of the model: cannot change once there is a checkpoint
  bool hidden;                // for tests and measurements; not in help and project.toml
  std::string_view help;

  std::string full() const { return std::string(section) + "." + std::string(name); }
};

std::span<const SettingKey> setting_keys();

// What may be written, for messages: "a multiple of 16 from 64 to 640", "on or off", "f32, bf16".
std::string legal_values(const SettingKey& key);

// The candidate nearest to `word` by edit distance; empty when none is near.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

class Settings {
 public:
  using Value = std::variant<bool, int64_t, double, std::string>;

  Settings();  // defaults

  // name: "train.resolution", or "resolution", which means the preferred section's key first.
  // origin: where it was written ("--set", "P/project.toml"), for messages. Throws InputError that
  // names the key, the legal values and the nearest key.
  void set(const std::string& name,
           const std::string& text,
           const std::string& origin,
           std::string_view preferred = "train");
  void set_value(const SettingKey& key, const Value& value, const std::string& origin);
  // "key=value".
  void assign(const std::string& pair,
              const std::string& origin,
              std::string_view preferred = "train");

  bool on(const std::string& name) const { return std::get<bool>(at(name)); }

  int64_t integer(const std::string& name) const { return std::get<int64_t>(at(name)); }

  double real(const std::string& name) const { return std::get<double>(at(name)); }

  const std::string& word(const std::string& name) const { return std::get<std::string>(at(name)); }

  // As TOML would write it: true, 128, 0.05, "liae-ud".
  std::string toml_value(const std::string& name) const;
  // A section with its header; comments hold help and legal values.
  std::string toml_section(std::string_view section, bool comments) const;
  // Everything as (full name, TOML value), hidden keys too.
  std::vector<std::pair<std::string, std::string>> all() const;

  // Rules between keys (a network's resolution and architecture). Throws InputError.
  void validate(const std::string& origin) const;

 private:
  const Value& at(const std::string& name) const;
  std::map<std::string, Value> values_;
};

// The key of a name; throws InputError with a suggestion when there is none.
const SettingKey& find_setting(const std::string& name,
                               const std::string& origin,
                               std::string_view preferred);

}  // namespace diptych
