// Contact sheets: many faces as small pictures, each with its id.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/faceset/faceset.h"

namespace diptych {

struct SheetStyle {
  int columns = 12;
  int side = 96;  // pixels of a thumbnail
  std::string title;
  int lines = 1;  // of text under a face
  // The lines for face number i of the sheet; without it id and frame, or name of the picture.
  std::function<std::vector<std::string>(const Face& face, size_t i)> caption;
};

// CV_8UC3. Captions of faces in the trash are red. A picture that cannot be decoded, and a face
// whose record is damaged, show as a crossed-out cell.
cv::Mat contact_sheet(const Faceset& faces, const std::vector<int64_t>& ids, SheetStyle style);

// At most `most` of the ids, evenly spread, in order.
std::vector<int64_t> spread(const std::vector<int64_t>& ids, size_t most);

}  // namespace diptych
