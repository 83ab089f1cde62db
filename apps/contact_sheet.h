// Contact sheets: many faces as small pictures, each with its id.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <opencv2/core.hpp>

#include "faces/faceset/faceset.h"

namespace diptych {

// CV_8UC3, `columns` thumbnails of `side` pixels in a row. A picture that cannot be decoded shows
// as a crossed-out cell.
cv::Mat contact_sheet(const Faceset& faces, const std::vector<int64_t>& ids, int columns, int side);

// At most `most` of the ids, evenly spread, in order.
std::vector<int64_t> spread(const std::vector<int64_t>& ids, size_t most);

}  // namespace diptych
