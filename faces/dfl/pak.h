// faceset.pak: many aligned faces in one file (spec formats.md 6).
//   u64 version = 1 | u64 S | S bytes pickle: a list of N dicts | (N+1) u64 offsets | N JPEG files
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "faces/dfl/metadata.h"
#include "faces/image/file_io.h"

namespace diptych {

struct DflPakEntry {
  std::string name;               // of the picture's file
  std::string person;             // sub-folder, empty when the pack has none
  DflMetadata metadata;           // as the list says; the picture's own goes before it
  std::string fault;              // why the list's entry cannot be used; the picture may be fine
  uint64_t offset = 0, size = 0;  // of the JPEG, from the start of the file
};

class DflPak {
 public:
  // Reads the list and checks every offset against the file. InputError: no such file, another
  // version, damaged list, offsets that run backwards or out of the file.
  static DflPak open(const std::filesystem::path& file);

  const std::vector<DflPakEntry>& entries() const { return entries_; }

  // Bytes of a picture. Thread safe.
  std::vector<uint8_t> read(size_t index) const;

 private:
  std::filesystem::path file_;
  std::vector<DflPakEntry> entries_;
};

// The same from bytes in memory, for tests and fuzzing.
std::vector<DflPakEntry> parse_dfl_pak(std::vector<uint8_t> head,
                                       uint64_t file_size,
                                       const std::string& name);

// Writes a pack that appears when finish() is called, whole. Pictures go to a file aside first,
// because the list in front holds what only they say.
class DflPakWriter {
 public:
  // InputError: cannot be written.
  explicit DflPakWriter(const std::filesystem::path& file);

  // jpeg: with its metadata inside; size: side in pixels.
  void add(const std::string& name,
           const std::string& person,
           const DflMetadata& metadata,
           int size,
           std::span<const uint8_t> jpeg);
  void finish();

 private:
  void check(const std::ofstream& out) const;

  PendingFile pack_, pictures_;
  std::ofstream data_;
  PickleWriter list_;
  std::vector<uint64_t> offsets_ = {0};
};

}  // namespace diptych
