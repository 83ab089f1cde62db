// A faceset as a folder: pictures, masks and one faces.json with everything else, for other tools
// and for mending by hand. Format: docs/user/commands.md.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "faces/faceset/faceset.h"

namespace diptych {

using FolderAdvance = std::function<void(int64_t done, int64_t total)>;

// Writes the faces into a folder that is new or empty. Throws InputError.
void export_faces(const Faceset& faces,
                  const std::vector<int64_t>& ids,
                  const std::filesystem::path& folder,
                  const FolderAdvance& advance = {});

struct ImportResult {
  int64_t faces = 0;
  std::vector<int64_t> skipped_frames;  // in the faceset already
};

// Adds the faces of such a folder, frame by frame. Everything is read and checked before the first
// change. Throws InputError that names the file and the face.
ImportResult import_faces(Faceset& faces,
                          const std::filesystem::path& folder,
                          const FolderAdvance& advance = {});

}  // namespace diptych
