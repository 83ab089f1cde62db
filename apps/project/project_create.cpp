// Making project folders: measuring sources, writing project.toml, renaming the finished folder.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "apps/project/project.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"
#include "tensor/hash.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20 || code == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", code);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::localtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

void hash_file(const fs::path& path, Xxh64& hash, const std::function<void(uint64_t)>& read_bytes) {
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  if (!file) throw file_error(path, "cannot be opened", errno);
  std::vector<unsigned char> block(1 << 20);
  for (;;) {
    const size_t got = std::fread(block.data(), 1, block.size(), file.get());
    if (got == 0) break;
    hash.update(block.data(), got);
    read_bytes(got);
  }
  if (std::ferror(file.get())) throw file_error(path, "cannot be read", errno);
}

// src.mp4 for a video, src for a folder of pictures.
std::string name_in_project(Side side, const SourceRecord& source) {
  if (source.folder) return std::string(name_of(side));
  std::string extension = fs::path(source.origin).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::string(name_of(side)) + extension;
}

void place_source(const SourceRecord& source, const fs::path& target, bool copy) {
  std::error_code error;
  if (copy) {
    fs::copy(source.origin, target, fs::copy_options::recursive, error);
    if (error) throw file_error(target, "cannot copy " + source.origin, error.value());
    return;
  }
  if (source.folder) {
    fs::create_directory_symlink(source.origin, target, error);
  } else {
    fs::create_symlink(source.origin, target, error);
  }
  if (error) {
    throw InputError(target.string(), "cannot link to the source (" + error.message() + ")",
                     "Use --copy");
  }
}

// A folder beside `dir` that disappears unless it is published.
class PendingFolder {
 public:
  explicit PendingFolder(const fs::path& dir) : target_(dir) {
    std::string pattern = dir.string() + ".part-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw file_error(dir, "the project folder cannot be made", errno);
    path_ = pattern;
    fs::permissions(path_, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                               fs::perms::others_read | fs::perms::others_exec);
  }

  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  ~PendingFolder() {
    std::error_code ignored;
    if (!published_) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  // rename() replaces an empty folder and fails on one that is not.
  void publish() {
    if (std::rename(path_.c_str(), target_.c_str()) != 0)
      throw file_error(target_, "the project folder cannot be put in place", errno);
    published_ = true;
  }

 private:
  fs::path target_, path_;
  bool published_ = false;
};

void refuse_existing(const fs::path& dir) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(dir, error))) return;
  if (is_project(dir)) {
    throw InputError(dir.string(), "is a project already",
                     "Go on with: diptych extract " + dir.string() + ", or choose another folder");
  }
  if (!fs::is_directory(dir, error) || !fs::is_empty(dir, error)) {
    throw InputError(dir.string(), "exists and is not an empty folder",
                     "Choose a folder that does not exist");
  }
}

}  // namespace

void measure_source(const fs::path& path,
                    SourceRecord& record,
                    const std::function<void(uint64_t)>& advance) {
  std::error_code error;
  if (!fs::exists(path, error))
    throw InputError(path.string(), "there is no such file or folder", "Check the path");
  record.origin = fs::canonical(path).string();
  record.folder = fs::is_directory(path);
  record.size = 0;
  Xxh64 hash;
  const auto count = [&](uint64_t bytes) {
    record.size += bytes;
    if (advance) advance(record.size);
  };
  if (record.folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && name[0] != '.' && is_image_name(entry.path()))
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const std::string name = file.filename().string();
      hash.update(name.c_str(), name.size() + 1);
      hash_file(file, hash, count);
    }
  } else {
    hash_file(path, hash, count);
  }
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash.digest()));
  record.xxh64 = text;
}

std::string project_toml(const ProjectPlan& plan) {
  std::string text =
      "# A diptych project. Flags of a command go before the settings here, for that run only.\n"
      "format = 1\n";
  for (const Side side : kSides) {
    const SourceRecord& source = plan.sources[static_cast<size_t>(side)];
    text +=
        str("\n# ", side == Side::kSrc ? "The face that is put on." : "The video it is put into.",
            "\n[", name_of(side), "]\n", "file = ", quoted(source.file),
            "\norigin = ", quoted(source.origin), "\nsize = ", source.size,
            "\nxxh64 = ", quoted(source.xxh64), "\nfolder = ", source.folder ? "true" : "false",
            "\n# Who this is:");
    for (const ConsentKind& kind : consent_kinds())
      text += str("\n#   ", kind.name, ": ", kind.meaning);
    text +=
        str("\nconsent = ", quoted(source.consent), "\nrecorded = ", quoted(source.recorded), "\n");
  }
  for (const char* section : {"extract", "train", "merge"})
    text += "\n" + plan.settings.toml_section(section, true);
  return text;
}

Project Project::create(const ProjectPlan& given) {
  ProjectPlan plan = given;
  for (const Side side : kSides) {
    SourceRecord& source = plan.sources[static_cast<size_t>(side)];
    check_consent(source.consent, str("--consent-", name_of(side)));
    source.file = name_in_project(side, source);
    if (source.recorded.empty()) source.recorded = today();
  }
  plan.settings.validate("--set");
  // "project/" and "project" are the same folder; the folder aside must lie beside it.
  const fs::path dir = (plan.dir.has_filename() ? plan.dir : plan.dir.parent_path());
  refuse_existing(dir);
  if (dir.has_parent_path()) {
    std::error_code error;
    fs::create_directories(dir.parent_path(), error);
    if (error) throw file_error(dir.parent_path(), "cannot be made", error.value());
  }
  PendingFolder pending(dir);
  for (const char* folder : {"model", "runs", "out"}) fs::create_directory(pending.path() / folder);
  for (const SourceRecord& source : plan.sources)
    place_source(source, pending.path() / source.file, plan.copy);
  const std::string text = project_toml(plan);
  write_file_atomic(pending.path() / "project.toml",
                    {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  Project::open(pending.path());  // what was written can be read
  pending.publish();
  return Project::open(dir);
}

}  // namespace diptych
