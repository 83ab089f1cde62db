// Reading the pickles that DeepFaceLab's files are made of, without running anything (spec
// formats.md 2). A pickle is a program for a stack machine that may call any function of Python;
// this reader knows the opcodes of plain data, protocols 2 to 5, and a dozen names, all of which
// mean data: NumPy arrays, scalars and dtypes, three enumerations, OrderedDict, and the text form
// of bytes. Everything else ends the reading.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>

#include "tensor/pickle/pickle_value.h"

namespace diptych {

struct PickleOptions {
  std::string name;  // of the file, for messages
  std::string remedy = "Use a copy that DeepFaceLab wrote and that is whole";
  // Objects of DeepFaceLab's own classes become kOpaque instead of an error. Names outside its
  // packages stay errors.
  bool lenient = false;
  // Limits against files that unfold into more than a machine holds. Lengths, counts and offsets
  // are also held against the bytes that are there, before anything is allocated.
  uint64_t max_bytes = uint64_t{1} << 36;
  int64_t max_values = 50'000'000;    // pushed on the stack in total
  int64_t max_stack = 1'000'000;      // at a time
  int64_t max_memo = 20'000'000;      // loss histories remember a list per iteration
  uint64_t max_weight = 100'000'000;  // values in the tree, shared ones counted each time
  int max_depth = 64;
};

// A pickle that was read: the bytes and the tree of values over them. The tree has no loops and is
// at most max_depth deep, so walking it recursively is safe.
class PickleDocument {
 public:
  PickleDocument(PickleDocument&&) noexcept;
  PickleDocument& operator=(PickleDocument&&) noexcept;
  ~PickleDocument();

  const PickleValue& root() const;
  // Bytes after the pickle's end; the caller decides whether they matter.
  uint64_t trailing_bytes() const;
  // Names that stand behind kOpaque values, each once.
  const std::vector<std::string>& opaque_names() const;

  struct Impl;
  explicit PickleDocument(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Throws InputError(name, "... at byte N ...", remedy) for anything that is not plain data within
// the limits.
PickleDocument read_pickle(std::vector<uint8_t> bytes, const PickleOptions& options);

// The same with a file; options.name is set from the path. InputError when it cannot be read.
PickleDocument read_pickle_file(const std::filesystem::path& file, PickleOptions options = {});

}  // namespace diptych
