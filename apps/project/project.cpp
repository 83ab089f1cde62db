// Opening project folders and reading project.toml.
// SPDX-License-Identifier: MIT
#include "apps/project/project.h"

#include <algorithm>
#include <sstream>

#include <toml++/toml.h>

#include "faces/image/file_io.h"
#include "kernels/common/check.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kLargestToml = 1 << 20;

InputError bad_toml(const fs::path& file, const std::string& cause) {
  return {file.string(), cause, "Mend the file with a text editor"};
}

std::string place(const toml::source_region& region) {
  return str("line ", region.begin.line, ", column ", region.begin.column);
}

template <class T>
T read_entry(const fs::path& file, const toml::table& table, const char* section, const char* key) {
  const auto value = table[key].value_exact<T>();
  if (!value) throw bad_toml(file, str("[", section, "] has no valid entry ", key));
  return *value;
}

// A bare file name: nothing in a TOML file may lead out of the project.
void check_bare_name(const fs::path& file, const std::string& name) {
  const bool bare = !name.empty() && name != "." && name != ".." &&
                    name.find_first_of("/\\") == std::string::npos &&
                    name.find('\0') == std::string::npos;
  if (!bare)
    throw bad_toml(file, "file = \"" + name + "\" is not the name of a file in the project");
}

SourceRecord read_source(const fs::path& file, const toml::table& root, Side side) {
  const std::string section(name_of(side));
  const toml::table* table = root[section].as_table();
  if (table == nullptr) throw bad_toml(file, "section [" + section + "] is missing");
  const std::vector<std::string> known = {"file",   "origin",  "size",    "xxh64",
                                          "folder", "consent", "recorded"};
  for (const auto& [key, node] : *table) {
    const std::string name{std::string_view(key)};
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string nearest = nearest_word(name, known);
      throw bad_toml(
          file, str("[", section, "] has an unknown key ", name, " (", place(node.source()), ")",
                    nearest.empty() ? "" : ", did you mean " + nearest + "?"));
    }
  }
  SourceRecord record;
  record.file = read_entry<std::string>(file, *table, section.c_str(), "file");
  record.origin = read_entry<std::string>(file, *table, section.c_str(), "origin");
  record.size = static_cast<uint64_t>(read_entry<int64_t>(file, *table, section.c_str(), "size"));
  record.xxh64 = read_entry<std::string>(file, *table, section.c_str(), "xxh64");
  record.folder = read_entry<bool>(file, *table, section.c_str(), "folder");
  record.consent = read_entry<std::string>(file, *table, section.c_str(), "consent");
  record.recorded = (*table)["recorded"].value_or(std::string());
  check_bare_name(file, record.file);
  check_consent(record.consent, file.string() + " [" + section + "]");
  return record;
}

Settings::Value value_of(const fs::path& file, const std::string& name, const toml::node& node) {
  if (const auto* b = node.as_boolean()) return b->get();
  if (const auto* i = node.as_integer()) return i->get();
  if (const auto* r = node.as_floating_point()) return r->get();
  if (const auto* s = node.as_string()) return s->get();
  throw bad_toml(file,
                 str(name, " (", place(node.source()), ") is neither a number, a word nor on/off"));
}

void read_settings(const fs::path& file,
                   const toml::table& root,
                   const char* section,
                   Settings& settings) {
  if (!root.contains(section)) return;
  const toml::table* table = root[section].as_table();
  if (table == nullptr) throw bad_toml(file, str(section, " is not a section"));
  for (const auto& [key, node] : *table) {
    const std::string name = str(section, ".", std::string_view(key));
    const SettingKey& setting =
        find_setting(name, str(file.string(), " ", place(node.source())), section);
    settings.set_value(setting, value_of(file, name, node), file.string());
  }
}

toml::table parse(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (!error && size > kLargestToml) throw bad_toml(file, "is larger than a project file can be");
  const std::vector<uint8_t> bytes = read_file(file);
  try {
    return toml::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  } catch (const toml::parse_error& e) {
    throw bad_toml(file, str("is not valid TOML: ", std::string(e.description()), " (",
                             place(e.source()), ")"));
  }
}

}  // namespace

std::string_view name_of(Side side) {
  return side == Side::kSrc ? "src" : "dst";
}

Side side_from(const std::string& text) {
  if (text == "src") return Side::kSrc;
  if (text == "dst") return Side::kDst;
  throw InputError("--side", "'" + text + "' is not a side", "Use src or dst");
}

const std::vector<ConsentKind>& consent_kinds() {
  static const std::vector<ConsentKind> kinds = {
      {"self", "I am this person"},
      {"synthetic", "no real person: a drawn or generated face"},
      {"licensed", "the material is licensed for this use"},
      {"consented", "the person has agreed to this use"}};
  return kinds;
}

void check_consent(const std::string& kind, const std::string& flag) {
  std::string list;
  for (const ConsentKind& known : consent_kinds()) {
    if (known.name == kind) return;
    list += str(list.empty() ? "" : "; ", known.name, ": ", known.meaning);
  }
  throw InputError(flag, kind.empty() ? "is missing" : "consent '" + kind + "' is not known",
                   "Say who the person is: " + list);
}

bool is_project(const fs::path& dir) {
  std::error_code error;
  return fs::is_regular_file(dir / "project.toml", error);
}

Project Project::open(const fs::path& given) {
  Project project;
  project.dir_ = given.filename() == "project.toml" ? given.parent_path() : given;
  if (project.dir_.empty()) project.dir_ = ".";
  std::error_code error;
  if (!fs::exists(project.dir_, error)) {
    throw InputError(given.string(), "there is no such project",
                     "Make one with: diptych init " + given.string() + " --src A.mp4 --dst B.mp4");
  }
  if (!is_project(project.dir_)) {
    throw InputError(given.string(), "is not a project folder: there is no project.toml in it",
                     "Make one with: diptych init PROJECT --src A.mp4 --dst B.mp4");
  }
  const fs::path file = project.toml();
  const toml::table root = parse(file);
  // First: a newer program may have sections and keys that this one does not know.
  const auto format = root["format"].value_exact<int64_t>();
  if (!format) throw bad_toml(file, "has no entry format");
  if (*format != 1) {
    throw InputError(file.string(), str("has format ", *format, ", this program reads format 1"),
                     "Update diptych");
  }
  const std::vector<std::string> sections = {"format", "src", "dst", "extract", "train", "merge"};
  for (const auto& [key, node] : root) {
    const std::string name{std::string_view(key)};
    if (std::find(sections.begin(), sections.end(), name) != sections.end()) continue;
    const std::string nearest = nearest_word(name, sections);
    throw bad_toml(file, str("has an unknown section ", name, " (", place(node.source()), ")",
                             nearest.empty() ? "" : ", did you mean " + nearest + "?"));
  }
  for (const Side side : kSides)
    project.sources_[static_cast<size_t>(side)] = read_source(file, root, side);
  for (const char* section : {"extract", "train", "merge"})
    read_settings(file, root, section, project.settings_);
  project.settings_.validate(file.string());
  return project;
}

fs::path Project::faces(Side side) const {
  return dir_ / (std::string(name_of(side)) + ".faces");
}

fs::path Project::source(Side side) const {
  const SourceRecord& source = record(side);
  const fs::path path = dir_ / source.file;
  std::error_code error;
  if (fs::exists(path, error)) return path;
  throw InputError(path.string(),
                   fs::is_symlink(path, error)
                       ? "leads to " + fs::read_symlink(path, error).string() + ", which is gone"
                       : "is missing",
                   "Put the " + std::string(name_of(side)) + " video (" + source.origin +
                       ") back, or link it there again");
}

void Project::make_folders(const std::string& run_name) const {
  if (run_name.empty() || run_name[0] == '.' ||
      run_name.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
          std::string::npos) {
    throw InputError("--run", "'" + run_name + "' is not a name of a run",
                     "Use letters, digits, '-', '_' and '.'");
  }
  const fs::path root = fs::canonical(dir_);
  for (const fs::path& folder : {dir_ / "model", dir_ / "out", dir_ / "runs", run(run_name)}) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw file_error(folder, "cannot be made", error.value());
    const fs::path real = fs::canonical(folder, error);
    const auto [end, rest] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
    if (error || end != root.end()) {
      throw InputError(folder.string(), "leads out of the project to " + real.string(),
                       "Replace the link by a folder, or move the whole project");
    }
  }
}

}  // namespace diptych
