// Whole files in, whole files out: what is written appears under its name only when it is complete.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kernels/common/check.h"

namespace diptych {

// InputError for a failed file operation: turns errno into a cause and a remedy.
InputError file_error(const std::filesystem::path& file, const std::string& doing, int error);

// Bytes of a regular file. InputError: missing, a folder, unreadable.
std::vector<uint8_t> read_file(const std::filesystem::path& file);

// A new file beside `target` (same extension, name starting with a dot and ending in ".part.EXT").
// publish() makes it durable and renames it onto the target in one step; without it the destructor
// removes the file and the target is untouched. A symbolic link as target keeps pointing where it
// did. InputError: no such folder, no permission, disk full.
class PendingFile {
 public:
  explicit PendingFile(const std::filesystem::path& target);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  const std::filesystem::path& path() const { return path_; }

  const std::filesystem::path& target() const { return target_; }

  // Its content, for those who have it in memory.
  void write(std::span<const uint8_t> bytes);

  void publish();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  bool published_ = false;
};

// PendingFile, the bytes, publish().
void write_file_atomic(const std::filesystem::path& target, std::span<const uint8_t> bytes);

}  // namespace diptych
