// Any bytes as an aligned face: it is refused, or its metadata can be written back and read to the
// same, in a file that DeepFaceLab's rules accept.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <optional>

#include "faces/dfl/jpeg_metadata.h"
#include "kernels/common/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace diptych;
  const std::span<const uint8_t> jpeg(data, size);
  encoded_size(jpeg);
  dfl_jpeg_fault(jpeg);
  try {
    const std::optional<DflMetadata> metadata = read_dfl_metadata(jpeg, "fuzz");
    if (!metadata) return 0;
    const std::vector<uint8_t> out = with_dfl_metadata(jpeg, *metadata, "fuzz");
    const std::optional<DflMetadata> again = read_dfl_metadata(out, "fuzz");
    if (!again || !dfl_jpeg_fault(out).empty()) std::abort();
    if (again->landmarks != metadata->landmarks || again->face_type != metadata->face_type ||
        again->mask != metadata->mask || again->polygons.size() != metadata->polygons.size())
      std::abort();
  } catch (const InputError&) {
  }
  return 0;
}
