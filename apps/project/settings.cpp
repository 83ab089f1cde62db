// Parsing, checking and writing of settings.
// SPDX-License-Identifier: MIT
#include "apps/project/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <sstream>

#include "apps/training/train_data.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string number_text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc() ? std::string(buffer, end) : std::string("?");
}

std::optional<bool> parse_bool(const std::string& text) {
  if (text == "on" || text == "true" || text == "yes" || text == "y" || text == "1") return true;
  if (text == "off" || text == "false" || text == "no" || text == "n" || text == "0") return false;
  return std::nullopt;
}

template <class T>
std::optional<T> parse_number(const std::string& text) {
  T value{};
  const char* begin = text.data() + (text.size() > 1 && text[0] == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Settings::Value> parse(const SettingKey& key, const std::string& text) {
  switch (key.kind) {
    case SettingKind::kBool:
      if (const auto value = parse_bool(text)) return *value;
      return std::nullopt;
    case SettingKind::kInt:
      if (const auto value = parse_number<int64_t>(text)) return *value;
      return std::nullopt;
    case SettingKind::kReal:
      if (const auto value = parse_number<double>(text)) return *value;
      return std::nullopt;
    case SettingKind::kText:
      return text;
  }
  return std::nullopt;
}

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i) + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const int above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

int64_t nearest_legal(const SettingKey& key, int64_t value) {
  const auto m = static_cast<int64_t>(key.multiple);
  const auto low = static_cast<int64_t>(std::ceil(key.low / static_cast<double>(m))) * m;
  const auto high = static_cast<int64_t>(std::floor(key.high / static_cast<double>(m))) * m;
  const int64_t clamped = std::clamp(value, low, high);
  return std::clamp((clamped + m / 2) / m * m, low, high);
}

[[noreturn]] void refuse(const SettingKey& key,
                         const std::string& shown,
                         const std::string& origin,
                         const std::string& nearest) {
  throw InputError(origin, key.full() + " = " + shown + " is not legal",
                   "Use " + legal_values(key) + (nearest.empty() ? "" : ", nearest is " + nearest));
}

std::string show(const Settings::Value& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* i = std::get_if<int64_t>(&value)) return std::to_string(*i);
  if (const auto* r = std::get_if<double>(&value)) {
    std::string text = number_text(*r);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }
  std::string quoted = "\"";
  for (const char c : std::get<std::string>(value)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string legal_values(const SettingKey& key) {
  switch (key.kind) {
    case SettingKind::kBool:
      return "on or off";
    case SettingKind::kInt:
      return str(key.multiple > 1 ? str("a multiple of ", key.multiple) : "a whole number",
                 " from ", static_cast<int64_t>(key.low), " to ", static_cast<int64_t>(key.high));
    case SettingKind::kReal:
      return "a number from " + number_text(key.low) + " to " + number_text(key.high);
    case SettingKind::kText:
      break;
  }
  if (key.choices.empty())
    return "df or liae, then optionally '-' and letters of u, d, t, c (df-ud)";
  std::string list;
  for (const std::string& word : words_of(key.choices)) list += (list.empty() ? "" : ", ") + word;
  return "one of " + list;
}

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  int best_distance = static_cast<int>(std::max<size_t>(2, word.size() / 2)) + 1;
  for (const std::string& candidate : candidates) {
    const int distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

const SettingKey& find_setting(const std::string& raw,
                               const std::string& origin,
                               std::string_view preferred) {
  std::string name = raw;
  std::replace(name.begin(), name.end(), '-', '_');
  const SettingKey* found = nullptr;
  for (const SettingKey& key : setting_keys()) {
    if (name == key.full()) return key;
    if (name == key.name && (found == nullptr || key.section == preferred)) found = &key;
  }
  if (found != nullptr) return *found;
  std::vector<std::string> names;
  const bool qualified = name.find('.') != std::string::npos;
  for (const SettingKey& key : setting_keys()) {
    if (!key.hidden) names.push_back(qualified ? key.full() : std::string(key.name));
  }
  const std::string nearest = nearest_word(name, names);
  std::string remedy = nearest.empty() ? "" : "Did you mean " + nearest + "? ";
  remedy += "Keys of " + std::string(preferred) + ": ";
  bool first = true;
  for (const SettingKey& key : setting_keys()) {
    if (key.section != preferred || key.hidden) continue;
    remedy += (first ? "" : ", ") + std::string(key.name);
    first = false;
  }
  throw InputError(origin, "unknown key " + raw, remedy);
}

Settings::Settings() {
  for (const SettingKey& key : setting_keys())
    values_[key.full()] = *parse(key, std::string(key.fallback));
}

const Settings::Value& Settings::at(const std::string& name) const {
  const auto it = values_.find(name);
  DIPTYCH_CHECK(it != values_.end(), "Settings: no key ", name);
  return it->second;
}

void Settings::set(const std::string& name,
                   const std::string& text,
                   const std::string& origin,
                   std::string_view preferred) {
  const SettingKey& key = find_setting(name, origin, preferred);
  const auto value = parse(key, text);
  if (!value) refuse(key, text, origin, "");
  set_value(key, *value, origin);
}

void Settings::set_value(const SettingKey& key, const Value& given, const std::string& origin) {
  Value value = given;
  if (key.kind == SettingKind::kReal && std::holds_alternative<int64_t>(value))
    value = static_cast<double>(std::get<int64_t>(value));
  if (value.index() != static_cast<size_t>(key.kind)) refuse(key, show(given), origin, "");
  if (const auto* i = std::get_if<int64_t>(&value)) {
    const int64_t nearest = nearest_legal(key, *i);
    if (nearest != *i) refuse(key, show(value), origin, std::to_string(nearest));
  } else if (const auto* r = std::get_if<double>(&value)) {
    if (!(*r >= key.low && *r <= key.high))
      refuse(key, show(value), origin,
             std::isnan(*r) ? "" : number_text(std::clamp(*r, key.low, key.high)));
  } else if (const auto* word = std::get_if<std::string>(&value)) {
    if (key.choices.empty()) {
      try {
        SaehdConfig().set_archi(*word);
      } catch (const Error&) {
        refuse(key, *word, origin, "");
      }
    } else {
      const std::vector<std::string> words = words_of(key.choices);
      if (std::find(words.begin(), words.end(), *word) == words.end())
        refuse(key, *word, origin, nearest_word(*word, words));
    }
  }
  values_[key.full()] = value;
}

void Settings::assign(const std::string& pair,
                      const std::string& origin,
                      std::string_view preferred) {
  const size_t equals = pair.find('=');
  if (equals == std::string::npos || equals == 0)
    throw InputError(origin, "'" + pair + "' is not key=value", "Write for example resolution=128");
  const auto trim = [](std::string text) {
    text.erase(0, text.find_first_not_of(" \t"));
    text.erase(text.find_last_not_of(" \t") + 1);
    return text;
  };
  set(trim(pair.substr(0, equals)), trim(pair.substr(equals + 1)), origin, preferred);
}

std::string Settings::toml_value(const std::string& name) const {
  return show(at(name));
}

std::string Settings::toml_section(std::string_view section, bool comments) const {
  std::string text = "[" + std::string(section) + "]\n";
  for (const SettingKey& key : setting_keys()) {
    if (key.section != section || (key.hidden && comments)) continue;
    if (comments) {
      text += "# " + std::string(key.help) + "\n# " + legal_values(key);
      text += key.fixed ? "; fixed once the model exists\n" : "\n";
    }
    text += std::string(key.name) + " = " + toml_value(key.full()) + "\n";
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> Settings::all() const {
  std::vector<std::pair<std::string, std::string>> list;
  for (const SettingKey& key : setting_keys())
    list.emplace_back(key.full(), toml_value(key.full()));
  return list;
}

void Settings::validate(const std::string& origin) const {
  try {
    SaehdTrainOptions options;
    options.network.set_archi(word("train.archi"));
    options.network.resolution = static_cast<int>(integer("train.resolution"));
    options.network.validate();
  } catch (const InputError&) {
    throw;
  } catch (const Error& e) {
    throw InputError(origin, std::string(e.what()) + " (archi is " + word("train.archi") + ")",
                     "Change resolution or archi");
  }
  try {
    train_options(*this).validate();
  } catch (const InputError&) {
    throw;
  } catch (const Error& e) {
    throw InputError(origin, e.what(), "Change that setting");
  }
}

}  // namespace diptych
