// Any bytes as a faceset.pak: it is refused, or every picture lies inside it.
// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "faces/dfl/pak.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace diptych;
  try {
    for (const DflPakEntry& entry : parse_dfl_pak({data, data + size}, size, "fuzz")) {
      if (entry.offset > size || entry.size > size - entry.offset) std::abort();
      if (entry.name.find('/') != std::string::npos) std::abort();
      if (entry.fault.empty() && !entry.metadata.polygons.empty())
        draw_dfl_polygons(entry.metadata.polygons, {32, 32});
    }
  } catch (const InputError&) {
  }
  return 0;
}
