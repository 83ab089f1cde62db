// Between DeepFaceLab's metadata of an aligned face and a Face of ours.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "faces/dfl/metadata.h"
#include "faces/faceset/faceset.h"

namespace diptych {

// What a Face has no field for. It is kept as JSON in Face::extra.
struct DflExtra {
  std::vector<DflPolygon> polygons;
  std::string person;      // of a pack with several
  bool no_source = false;  // the file said nothing of the frame: it serves training, not merging
};

DflExtra dfl_extra_of(const Face& face);

// The face without place in a video: frame_index, frame_seconds and id are the caller's. The
// picture's bytes are kept as they are. Decodes it once: for its size, to refuse damage, and for
// the sharpness. Throws Error that says what is wrong: no landmarks, a whole frame (mark_only), not
// square, turned by EXIF, a damaged picture or mask.
Face face_from_dfl(std::vector<uint8_t> jpeg,
                   const DflMetadata& metadata,
                   const std::string& person,
                   const std::string& name);

// The way back. source_filename is the picture's name, or what DeepFaceLab would call the frame of
// a video ("00001.png" for the first).
DflMetadata dfl_metadata_of(const Face& face);

// The face's picture as a file DeepFaceLab reads: the same bytes when they carry this metadata
// already, else with the metadata put in; PNG is coded as JPEG of quality 100. A mask that does not
// fit is made smaller first, then coarser. Throws InputError naming `name`.
std::vector<uint8_t> dfl_jpeg_of(const Face& face, const std::string& name);

// Similarity (rotation, scale, shift) that takes one set of points to the other with the least
// squared error: the crop matrix of files that lack it. Throws Error when the points coincide.
cv::Matx23d fit_similarity(const Landmarks& from, const Landmarks& to);

}  // namespace diptych
