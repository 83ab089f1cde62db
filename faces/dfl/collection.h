// Aligned faces as DeepFaceLab keeps them: a folder of pictures, or a faceset.pak.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "faces/dfl/meta_dat.h"
#include "faces/dfl/pak.h"

namespace diptych {

class DflCollection {
 public:
  // A folder (its faceset.pak when it holds one, else its .jpg files in natural order, with
  // meta.dat for those that lost their metadata) or a .pak file. InputError: neither, empty,
  // damaged.
  static DflCollection open(const std::filesystem::path& path);

  struct Item {
    std::string name, person;
    std::vector<uint8_t> jpeg;
    DflMetadata metadata;
  };

  size_t size() const { return names_.size(); }

  const std::string& name(size_t i) const { return names_[i]; }

  bool is_pak() const { return pak_.has_value(); }

  const std::filesystem::path& path() const { return path_; }

  // Reads a picture and its metadata: its own, else meta.dat's or the pack's. Throws Error that
  // says why it cannot be used. Thread safe.
  Item read(size_t i) const;

 private:
  DflMetadata metadata_of(size_t i, const std::vector<uint8_t>& jpeg) const;

  std::filesystem::path path_;
  std::vector<std::string> names_;
  std::optional<DflPak> pak_;
  std::map<std::string, DflSavedFace> saved_;
};

}  // namespace diptych
