// Facesets in from DeepFaceLab, and out to it.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "faces/dfl/collection.h"
#include "faces/dfl/frame_names.h"

namespace diptych {

struct DflImportOptions {
  FrameNameOptions frames;
  bool strict = false;          // a picture that cannot be used ends the import before it began
  size_t faces_at_once = 1024;  // stored in one transaction, because each waits for the disk
  std::function<bool()> stop;   // asked between frames
  std::function<void(int64_t done, int64_t total)> progress;
};

struct DflImportResult {
  int64_t faces = 0, masks = 0, polygons = 0;
  std::vector<std::string> left_out;    // "NAME: reason"
  std::vector<int64_t> skipped_frames;  // in the faceset already
  bool tied = true;                     // to frames of the source
  bool stopped = false;
};

// Adds the faces, frame by frame; the pictures' bytes are not changed. Everything is read and its
// structure checked before the first change; a picture whose coded data prove damaged later is left
// out. Pictures are decoded by all threads that OpenCV has while the batch before is stored; the
// result does not depend on their number. Frames that the faceset has already are left alone, so a
// second run goes on. InputError: nothing can be used, frames that must be tied and cannot, or
// (strict) any picture.
DflImportResult import_dfl(const DflCollection& from,
                           Faceset& faces,
                           const DflImportOptions& options = {});

struct DflExportOptions {
  bool meta_dat = false;  // write meta.dat into the folder as well
  std::function<void(int64_t done, int64_t total)> progress;
};

// Writes the faces as DeepFaceLab keeps them: into a folder that is new or empty, or into a file
// that does not exist when the name ends in .pak. The pack or folder appears whole. InputError
// naming a face that cannot be written; nothing is left then.
void export_dfl(const Faceset& faces,
                const std::vector<int64_t>& ids,
                const std::filesystem::path& target,
                const DflExportOptions& options = {});

}  // namespace diptych
