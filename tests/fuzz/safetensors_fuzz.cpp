// Any bytes as a safetensors file: it is refused, or every tensor can be read from inside it.
// SPDX-License-Identifier: MIT
#include <vector>

#include "kernels/common/check.h"
#include "tensor/safetensors_header.h"
#include "tests/fuzz/scratch_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace diptych;
  static const ScratchFolder folder;
  try {  // without the length in front and the sizes behind, which are seldom right
    std::map<std::string, Safetensors::Entry> entries;
    Metadata metadata;
    parse_safetensors_header({reinterpret_cast<const char*>(data), size}, entries, metadata);
    for (const auto& [name, entry] : entries)
      if (entry.shape.numel() < 0) std::abort();
  } catch (const Error&) {
  }
  try {
    const Safetensors file = Safetensors::open(folder.write("f", {data, size}).string());
    for (const auto& [name, entry] : file.entries()) {
      std::vector<uint8_t> bytes(static_cast<size_t>(entry.end - entry.begin));
      if (bytes.size() > size) std::abort();
      file.read(name, {bytes.data(), entry.shape, entry.dtype});
    }
  } catch (const InputError&) {
  }
  return 0;
}
