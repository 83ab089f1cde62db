// Face types: how much of the head a crop shows. Codes, paddings and offsets: spec
// alignment.md 7.1.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace diptych {

// Values are the codes of the original; the order means "each contains the previous".
enum class FaceType : int {
  kHalf = 0,
  kMidFull = 1,
  kFull = 2,
  kFullNoAlign = 3,
  kWhole = 4,
  kHead = 10,
  kHeadNoAlign = 20
};

// Long names as stored in files: half_face, midfull_face, full_face, full_face_no_align,
// whole_face, head, head_no_align.
std::string_view name_of(FaceType type);
// Accepts the long names and the options h, mf, f, wf, head. Throws Error listing the known names.
FaceType face_type_from(std::string_view name);

}  // namespace diptych
