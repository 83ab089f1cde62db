// Opening a faceset for looking at it.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include "faces/faceset/faceset.h"

namespace diptych {

// Opens for writing where that is allowed, so that what a killed program left half-written is taken
// back; read-only elsewhere. Throws InputError: missing ("Run diptych extract first"), damaged.
Faceset open_faceset_to_read(const std::filesystem::path& file);

}  // namespace diptych
