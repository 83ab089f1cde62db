// One face as a row: numbers in columns, points as little-endian f64.
// SPDX-License-Identifier: MIT
#include "faces/faceset/face_row.h"

#include <bit>
#include <cstring>

#include "kernels/common/check.h"

namespace diptych {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the points of a faceset are stored as the machine holds them");

std::span<const uint8_t> as_bytes(const Landmarks& points) {
  return {reinterpret_cast<const uint8_t*>(points.data()), sizeof(points)};
}

std::span<const uint8_t> as_bytes(const cv::Matx23d& matrix) {
  return {reinterpret_cast<const uint8_t*>(matrix.val), sizeof(matrix.val)};
}

template <class T>
void copy_exactly(const std::vector<uint8_t>& bytes, T* target, const std::string& what) {
  DIPTYCH_CHECK(bytes.size() == sizeof(T), what, " has ", bytes.size(), " bytes, needs ",
                sizeof(T));
  std::memcpy(static_cast<void*>(target), bytes.data(), sizeof(T));
}

}  // namespace

Face read_face(const Statement& row, const std::string& path) {
  Face face;
  face.faceset = path;
  face.id = row.integer(0);
  try {
    face.state = row.integer(1) == 0 ? FaceState::kActive : FaceState::kTrash;
    face.type = static_cast<FaceType>(row.integer(2));
    name_of(face.type);  // throws for a code that does not exist
    face.size = static_cast<int>(row.integer(3));
    face.frame_index = row.integer(4);
    face.frame_seconds = row.real(5);
    face.source_name = row.text(6);
    face.box = {row.real(7), row.real(8), row.real(9), row.real(10)};
    face.box_score = row.real(11);
    copy_exactly(row.bytes(12), &face.source_landmarks, "source_landmarks");
    copy_exactly(row.bytes(13), &face.landmarks, "landmarks");
    copy_exactly(row.bytes(14), &face.matrix.val, "matrix");
    face.pose = {row.real(15), row.real(16), row.real(17)};
    face.sharpness = row.real(18);
    face.eyebrow_factor = row.real(19);
    face.extra = row.text(20);
  } catch (const InputError&) {
    throw;
  } catch (const Error& error) {
    throw InputError(path, str("face ", face.id, " is damaged (", error.what(), ")"),
                     "Put back a copy of the file, or extract the faces again into a new file");
  }
  return face;
}

int64_t insert_face(Database& db, const Face& face, int64_t frame_index, int position) {
  Statement insert(
      db,
      "INSERT INTO faces (state, type, size, frame_index, frame_seconds, source_name, box_x, "
      "box_y, box_width, box_height, box_score, source_landmarks, landmarks, matrix, pitch, yaw, "
      "roll, sharpness, eyebrow_factor, extra, position) VALUES "
      "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert.bind(int64_t{face.state == FaceState::kTrash})
      .bind(static_cast<int64_t>(face.type))
      .bind(int64_t{face.size})
      .bind(frame_index)
      .bind(face.frame_seconds)
      .bind(std::string_view(face.source_name))
      .bind(face.box.x)
      .bind(face.box.y)
      .bind(face.box.width)
      .bind(face.box.height)
      .bind(face.box_score)
      .bind(as_bytes(face.source_landmarks))
      .bind(as_bytes(face.landmarks))
      .bind(as_bytes(face.matrix))
      .bind(face.pose.pitch)
      .bind(face.pose.yaw)
      .bind(face.pose.roll)
      .bind(face.sharpness)
      .bind(face.eyebrow_factor)
      .bind(std::string_view(face.extra))
      .bind(int64_t{position});
  insert.run();
  const int64_t id = db.last_id();
  Statement picture(db, "INSERT INTO pictures (face_id, image) VALUES (?,?)");
  picture.bind(id).bind(std::span(face.image));
  picture.run();
  if (!face.mask.empty()) {
    Statement mask(db, "INSERT INTO masks (face_id, png) VALUES (?,?)");
    mask.bind(id).bind(std::span(face.mask));
    mask.run();
  }
  return id;
}

}  // namespace diptych
