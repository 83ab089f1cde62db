// The stack machine that builds a tree of values and calls nothing.
// SPDX-License-Identifier: MIT
#include "tensor/pickle/pickle_reader.h"

#include <fstream>
#include <utility>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_machine.h"

namespace diptych {

PickleDocument::PickleDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PickleDocument::PickleDocument(PickleDocument&&) noexcept = default;
PickleDocument& PickleDocument::operator=(PickleDocument&&) noexcept = default;
PickleDocument::~PickleDocument() = default;

const PickleValue& PickleDocument::root() const {
  return impl_->root;
}

uint64_t PickleDocument::trailing_bytes() const {
  return impl_->trailing;
}

const std::vector<std::string>& PickleDocument::opaque_names() const {
  return impl_->opaque_names;
}

PickleDocument read_pickle(std::vector<uint8_t> bytes, const PickleOptions& options) {
  if (bytes.size() > options.max_bytes) {
    throw InputError(options.name,
                     str("has ", bytes.size(), " bytes, more than the ", options.max_bytes,
                         " that such a file may have"),
                     options.remedy);
  }
  auto impl = std::make_unique<PickleDocument::Impl>();
  impl->bytes = std::move(bytes);
  PickleMachine machine(*impl, options);
  try {
    machine.run();
  } catch (const Error& e) {
    throw InputError(options.name,
                     str("cannot be read as a pickle of data: ", e.what(), " (at byte ",
                         machine.position(), ')'),
                     options.remedy);
  }
  return PickleDocument(std::move(impl));
}

PickleDocument read_pickle_file(const std::filesystem::path& file, PickleOptions options) {
  options.name = file.string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    throw InputError(options.name, "is not there, or not a file", "Check the path");
  const uint64_t size = std::filesystem::file_size(file, error);
  if (error || size > options.max_bytes) {
    throw InputError(options.name,
                     error ? "cannot be read (" + error.message() + ")"
                           : str("has ", size, " bytes, more than such a file may have"),
                     options.remedy);
  }
  std::ifstream in(file, std::ios::binary);
  std::vector<uint8_t> bytes(size);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!in || in.gcount() != static_cast<std::streamsize>(size))
    throw InputError(options.name, "cannot be read to its end", "Check the disk and permissions");
  return read_pickle(std::move(bytes), options);
}

}  // namespace diptych
