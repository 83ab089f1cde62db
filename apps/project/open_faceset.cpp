// Opening a faceset for looking at it.
// SPDX-License-Identifier: MIT
#include "apps/project/open_faceset.h"

#include <unistd.h>

#include "kernels/common/check.h"

namespace diptych {

Faceset open_faceset_to_read(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    throw InputError(file.string(), "there is no faceset yet", "Run diptych extract first");
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const bool writable = ::access(file.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
  return Faceset::open(file.string(), !writable);
}

}  // namespace diptych
