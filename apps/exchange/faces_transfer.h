// diptych faces import and export: facesets as folders of ours, as DeepFaceLab keeps them, or bare
// pictures of faces.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/project/project.h"
#include "faces/faceset/faceset.h"

namespace diptych {

inline const std::vector<std::string> kFaceFormats = {"diptych", "dfl"};  // both ways
inline const std::vector<std::string> kImportFormats = {"diptych", "dfl", "pictures"};

struct FacesTransfer {
  std::filesystem::path faceset;
  std::optional<std::filesystem::path> source;  // the project's video or pictures of that side
  bool must_tie = false;  // faces need their frames: the dst side of a project
  std::string format;     // one of kImportFormats
  std::filesystem::path path;
  // Of DeepFaceLab's format.
  double fps = 0;         // rate at which its frames were taken, 0: every frame
  bool append = false;    // number frames that are not tied behind those that are there
  bool strict = false;    // one picture that cannot be used ends the import
  bool meta_dat = false;  // export meta.dat too
  // Of bare pictures.
  std::string face_type;  // how they are cut; empty: whole face
};

// Both print what they did and give the exit code. Throw InputError; a new faceset, folder or pack
// appears only when it is complete.
int import_faces_from(const FacesTransfer& transfer);
int export_faces_to(const FacesTransfer& transfer,
                    const Faceset& faces,
                    const std::vector<int64_t>& ids);

}  // namespace diptych
