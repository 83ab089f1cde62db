// One face as a row of the table `faces`.
// SPDX-License-Identifier: MIT
#pragma once

#include "faces/faceset/database.h"
#include "faces/faceset/faceset.h"

namespace diptych {

// Columns in the order that read_face() expects.
inline constexpr const char* kFaceColumns =
    "id, state, type, size, frame_index, frame_seconds, source_name, box_x, box_y, box_width, "
    "box_height, box_score, source_landmarks, landmarks, matrix, pitch, yaw, roll, sharpness, "
    "eyebrow_factor, extra";

// A row of SELECT kFaceColumns, without picture and mask. InputError when the row is damaged.
Face read_face(const Statement& row, const std::string& path);

// Adds the face with its picture and mask; `position` counts within the frame. Gives its id.
int64_t insert_face(Database& db, const Face& face, int64_t frame_index, int position);

}  // namespace diptych
