// What the faceset report measures on one face.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "faces/faceset/faceset.h"

namespace diptych {

// 32 x 32 grey levels of the middle of the face's picture, mean removed: what near-duplicates are
// compared by.
using FaceThumbnail = std::array<int8_t, 32 * 32>;

struct FaceMeasures {
  int64_t id = 0, frame_index = 0;
  double seconds = 0;
  std::string trouble;     // why the face cannot be used, empty: it can; nothing below is set then
  bool has_pose = false;   // a pose was stored
  Pose pose;               // radians
  double source_side = 0;  // pixels of the source frame across the crop that is trained; 0: unknown
  double sharpness = 0;    // deviation of the Laplacian inside the face at the trained resolution,
                           // as a share of the deviation of the brightness there
  double brightness = 0;   // mean inside the face, 0..255
  double dark = 0;         // share of the face's pixels below 24 of 255
  double clipped = 0;      // share with a channel at 253 and above
  bool own_mask = false;   // a mask is stored
  double mask_cover = 1;   // share of the landmarks' hull that it covers
  double mouth = 0;        // gap between the lips as a share of the mouth's width
  double eyes = 0;         // height of the eyes as a share of their width
  FaceThumbnail thumbnail;  // only of faces without trouble
};

// face: with picture and mask. resolution and type: what will be trained. Trouble is not thrown but
// noted: a damaged picture, a picture of another size than the record says, landmarks that are
// missing or not finite.
FaceMeasures measure_face(const Face& face, int resolution, FaceType type);

}  // namespace diptych
