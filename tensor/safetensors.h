// Named tensors and text in one file, in the safetensors format (8-byte little-endian header
// length, JSON header, data), so that Python reads it with the stock library. Written atomically,
// with a checksum over header and data. Errors: InputError with file, cause and remedy; a failed
// save leaves the old file as it was.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/common/view.h"

namespace diptych {

struct NamedView {
  std::string name;
  View view;  // f32 or bf16
};

using Metadata = std::map<std::string, std::string>;

// Writes PATH.tmp, flushes it to the disk, reads it back against the checksum, keeps the old PATH
// as PATH.prev and renames. Whenever the process dies, PATH is either the old or the new file,
// whole. The keys "checksum" and "writer" are ours.
void save_safetensors(const std::string& path,
                      const std::vector<NamedView>& tensors,
                      const Metadata& metadata);

// What to do about a file at `path` that cannot be used: the one kept beside it, when there is one.
std::string damaged_file_remedy(const std::string& path);

// A file that was read and checked. Tensors are copied out on request.
class Safetensors {
 public:
  struct Entry {
    Shape shape;  // rank 0 for a scalar
    DType dtype = DType::kF32;
    uint64_t begin = 0, end = 0;  // bytes in the data section
  };

  // Maps the file, validates the header and the offsets, and verifies the checksum when there is
  // one (files of other writers have none).
  static Safetensors open(const std::string& path);
  ~Safetensors();
  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;

  const std::string& path() const { return path_; }

  uint64_t file_bytes() const;

  bool has_checksum() const { return metadata_.count("checksum") != 0; }

  const Metadata& metadata() const { return metadata_; }

  const std::map<std::string, Entry>& entries() const { return entries_; }

  bool has(const std::string& name) const { return entries_.count(name) != 0; }

  // Copies a tensor out. Throws when the name is missing or shape or dtype differ from out's.
  void read(const std::string& name, MutView out) const;

 private:
  struct Mapping;
  Safetensors();
  std::string path_;
  std::unique_ptr<Mapping> mapping_;
  uint64_t data_offset_ = 0;
  Metadata metadata_;
  std::map<std::string, Entry> entries_;
};

}  // namespace diptych
