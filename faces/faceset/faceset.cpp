// Opening a faceset, reading faces, storing frames.
// SPDX-License-Identifier: MIT
#include "faces/faceset/faceset.h"

#include <filesystem>

#include "faces/faceset/face_row.h"
#include "faces/faceset/faceset_impl.h"
#include "faces/faceset/schema.h"
#include "faces/image/file_io.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

// SELECT of whole faces; the picture is column 22 when asked for.
std::string select_faces(bool with_image, const char* rest) {
  return str("SELECT ", kFaceColumns, ", masks.png", with_image ? ", pictures.image" : "",
             " FROM faces LEFT JOIN masks ON masks.face_id = id",
             with_image ? " LEFT JOIN pictures ON pictures.face_id = id " : " ", rest);
}

Face read_whole_face(const Statement& row, bool with_image, const std::string& path) {
  Face face = read_face(row, path);
  face.mask = row.bytes(21);
  if (with_image) face.image = row.bytes(22);
  return face;
}

const char* where_state(const std::optional<FaceState>& state) {
  if (!state) return "";
  return *state == FaceState::kActive ? "WHERE state = 0 " : "WHERE state = 1 ";
}

void remove_faces_of_frame(Database& db, int64_t frame_index) {
  for (const char* sql :
       {"DELETE FROM pictures WHERE face_id IN (SELECT id FROM faces WHERE frame_index = ?)",
        "DELETE FROM masks WHERE face_id IN (SELECT id FROM faces WHERE frame_index = ?)",
        "DELETE FROM edits WHERE face_id IN (SELECT id FROM faces WHERE frame_index = ?)",
        "DELETE FROM faces WHERE frame_index = ?"}) {
    Statement(db, sql).bind(frame_index).run();
  }
}

void store_frame(Database& db, const FrameFaces& entry) {
  const FrameRecord& frame = entry.frame;
  remove_faces_of_frame(db, frame.frame_index);
  Statement(db, "INSERT OR REPLACE INTO frames VALUES (?,?,?,?,?,?)")
      .bind(frame.frame_index)
      .bind(frame.seconds)
      .bind(int64_t{frame.width})
      .bind(int64_t{frame.height})
      .bind(static_cast<int64_t>(entry.faces.size()))
      .bind(std::string_view(frame.note))
      .run();
  for (size_t i = 0; i < entry.faces.size(); ++i) {
    insert_face(db, entry.faces[i], frame.frame_index, static_cast<int>(i));
  }
}

}  // namespace

Faceset::Faceset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Faceset::Faceset(Faceset&&) noexcept = default;

Faceset& Faceset::operator=(Faceset&&) noexcept = default;

Faceset::~Faceset() = default;

Faceset Faceset::open(const std::string& path, bool read_only) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    throw InputError(path, "there is no such file", "Check the path, or extract faces first");
  }
  if (status.type() == fs::file_type::directory) {
    throw InputError(path, "it is a folder, not a faceset",
                     "Name the .faces file, or import the pictures of the folder");
  }
  auto impl = std::make_unique<Impl>(path, read_only);
  prepare_connection(impl->db);
  if (!read_only && impl->db.read_only()) {
    throw InputError(path, "the file or its folder is write-protected",
                     "Give yourself the right to write there, or work on a copy");
  }
  return Faceset(std::move(impl));
}

Faceset Faceset::create(const std::string& path) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) {
    throw InputError(path, "the file exists already",
                     "Choose another name, or go on with the existing faceset");
  }
  PendingFile file(path);  // an interrupted create leaves nothing under the name
  {
    Database db(file.path().string(), false);
    create_schema(db);
  }
  file.publish();
  return open(path);
}

const std::string& Faceset::path() const {
  return impl_->db.path();
}

int64_t Faceset::count(std::optional<FaceState> state) const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db, str("SELECT count(*) FROM faces ", where_state(state)).c_str());
  return select.step() ? select.integer(0) : 0;
}

std::vector<int64_t> Faceset::ids(std::optional<FaceState> state) const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db, str("SELECT id FROM faces ", where_state(state),
                                  "ORDER BY frame_index, position, id")
                                  .c_str());
  std::vector<int64_t> ids;
  while (select.step()) ids.push_back(select.integer(0));
  return ids;
}

Face Faceset::load(int64_t id, bool with_image) const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db, select_faces(with_image, "WHERE id = ?").c_str());
  select.bind(id);
  if (!select.step()) {
    throw InputError(path(), str("there is no face with id ", id),
                     "List the faces to see the ids that exist");
  }
  return read_whole_face(select, with_image, path());
}

std::vector<Face> Faceset::load_all(bool with_image, std::optional<FaceState> state) const {
  const std::lock_guard lock(impl_->mutex);
  const std::string rest = str(where_state(state), "ORDER BY frame_index, position, id");
  Statement select(impl_->db, select_faces(with_image, rest.c_str()).c_str());
  std::vector<Face> faces;
  while (select.step()) faces.push_back(read_whole_face(select, with_image, path()));
  return faces;
}

void Faceset::put_frame(const FrameRecord& frame, const std::vector<Face>& faces) {
  put_frames({{frame, faces}});
}

void Faceset::put_frames(const std::vector<FrameFaces>& batch) {
  for (const FrameFaces& entry : batch) {
    for (const Face& face : entry.faces) {
      DIPTYCH_CHECK(!face.image.empty() && face.size > 0, "put_frames: a face of frame ",
                    entry.frame.frame_index, " has no picture (", face.image.size(),
                    " bytes, size ", face.size, ")");
    }
  }
  const std::lock_guard lock(impl_->mutex);
  Transaction transaction(impl_->db);
  for (const FrameFaces& entry : batch) store_frame(impl_->db, entry);
  transaction.commit();
}

bool Faceset::has_frame(int64_t frame_index) const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db, "SELECT 1 FROM frames WHERE frame_index = ?");
  return select.bind(frame_index).step();
}

std::vector<FrameRecord> Faceset::frames() const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db,
                   "SELECT frame_index, seconds, width, height, faces, note FROM frames "
                   "ORDER BY frame_index");
  std::vector<FrameRecord> frames;
  while (select.step()) {
    frames.push_back({select.integer(0), select.real(1), static_cast<int>(select.integer(2)),
                      static_cast<int>(select.integer(3)), static_cast<int>(select.integer(4)),
                      select.text(5)});
  }
  return frames;
}

}  // namespace diptych
