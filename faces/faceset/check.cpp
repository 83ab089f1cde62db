// Examination of a whole faceset.
// SPDX-License-Identifier: MIT
#include "kernels/common/check.h"

#include <cmath>

#include "faces/faceset/face_row.h"
#include "faces/faceset/faceset_impl.h"
#include "faces/image/image.h"

namespace diptych {
namespace {

bool all_finite(const Landmarks& points) {
  for (const cv::Point2d& p : points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return false;
  }
  return true;
}

void check_picture(const Face& face, std::vector<std::string>& problems) {
  const std::string name = str("face ", face.id);
  try {
    const cv::Mat picture = decode_image(face.image, name);
    if (picture.cols != face.size || picture.rows != face.size) {
      problems.push_back(str(name, ": the picture has ", picture.cols, "x", picture.rows,
                             " pixels, the record says ", face.size));
    }
    if (!face.mask.empty()) decode_image(face.mask, "mask of " + name, ImageMode::kGrey);
  } catch (const Error& error) {
    problems.emplace_back(error.what());
  }
  if (!all_finite(face.landmarks) || !all_finite(face.source_landmarks)) {
    problems.push_back(str(name, ": landmarks are not finite"));
  }
}

void check_tables(Database& db, std::vector<std::string>& problems) {
  Statement integrity(db, "PRAGMA integrity_check");
  while (integrity.step()) {
    if (integrity.text(0) != "ok") problems.push_back("file: " + integrity.text(0));
  }
  Statement counts(db,
                   "SELECT frame_index, faces, (SELECT count(*) FROM faces WHERE "
                   "faces.frame_index = frames.frame_index) AS found FROM frames "
                   "WHERE faces <> found");
  while (counts.step()) {
    problems.push_back(str("frame ", counts.integer(0), ": ", counts.integer(2),
                           " faces stored, the record says ", counts.integer(1)));
  }
}

}  // namespace

std::vector<std::string> Faceset::check() const {
  std::vector<std::string> problems;
  std::vector<int64_t> all;
  try {
    {
      const std::lock_guard lock(impl_->mutex);
      check_tables(impl_->db, problems);
    }
    all = ids(std::nullopt);
  } catch (const Error& error) {
    problems.emplace_back(error.what());
  }
  for (const int64_t id : all) {
    try {
      check_picture(load(id), problems);
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

}  // namespace diptych
