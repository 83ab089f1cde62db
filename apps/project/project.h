// Project: the folder of one face swap: project.toml, two sources, two facesets, the model, runs
// and results. Layout: docs/user/project.md.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/project/settings.h"

namespace diptych {

enum class Side : int { kSrc = 0, kDst = 1 };

inline constexpr std::array kSides = {Side::kSrc, Side::kDst};

// "src", "dst".
std::string_view name_of(Side side);
// Throws InputError.
Side side_from(const std::string& text);

// Who the person on a side is to the user.
struct ConsentKind {
  std::string_view name;     // self, synthetic, licensed, consented
  std::string_view meaning;  // as asked on the terminal
};

const std::vector<ConsentKind>& consent_kinds();
// Throws InputError that lists the kinds; `flag` is named as its place.
void check_consent(const std::string& kind, const std::string& flag);

// What project.toml says about a source.
struct SourceRecord {
  std::string file;      // name inside the project: "src.mp4"
  std::string origin;    // absolute path it was made from
  uint64_t size = 0;     // bytes; sum over the pictures of a folder
  std::string xxh64;     // 16 hex digits, over the file, or names and bytes of the pictures
  bool folder = false;   // a folder of pictures
  std::string consent;   // one of consent_kinds()
  std::string recorded;  // date of the consent record, YYYY-MM-DD
};

// Size and checksum of a video or a folder of pictures. `advance` gets the bytes read so far; it
// may throw to stop. Throws InputError.
void measure_source(const std::filesystem::path& path,
                    SourceRecord& record,
                    const std::function<void(uint64_t bytes)>& advance = {});

struct ProjectPlan {
  std::filesystem::path dir;
  std::array<SourceRecord, 2> sources;  // origin, size, checksum and consent are set
  bool copy = false;                    // copy the sources instead of linking to them
  Settings settings;
};

class Project {
 public:
  // Throws InputError: no folder, no project.toml, not TOML, unknown key, value out of range, a
  // path that leaves the project.
  static Project open(const std::filesystem::path& dir);
  // Makes the folder aside and renames it: it is there whole or not at all. Throws InputError when
  // it exists and is not empty.
  static Project create(const ProjectPlan& plan);

  const std::filesystem::path& dir() const { return dir_; }

  std::filesystem::path toml() const { return dir_ / "project.toml"; }

  std::filesystem::path faces(Side side) const;
  // Throws InputError when it is gone.
  std::filesystem::path source(Side side) const;

  std::filesystem::path checkpoint() const { return dir_ / "model" / "saehd.safetensors"; }

  std::filesystem::path out(const std::string& file) const { return dir_ / "out" / file; }

  std::filesystem::path run(const std::string& name) const { return dir_ / "runs" / name; }

  // Makes model/, runs/NAME/ and out/ when they are missing. Throws InputError when one of them
  // leads outside.
  void make_folders(const std::string& run_name) const;

  const SourceRecord& record(Side side) const { return sources_[static_cast<size_t>(side)]; }

  // Settings of project.toml over the defaults. Flags are applied to a copy.
  const Settings& settings() const { return settings_; }

 private:
  std::filesystem::path dir_;
  std::array<SourceRecord, 2> sources_;
  Settings settings_;
};

// True when the folder holds a project.toml.
bool is_project(const std::filesystem::path& dir);

// The text of project.toml.
std::string project_toml(const ProjectPlan& plan);

}  // namespace diptych
