// Tables of a faceset file (docs/faceset.md).
// SPDX-License-Identifier: MIT
#include "faces/faceset/schema.h"

#include "kernels/common/check.h"

namespace diptych {
namespace {

// Pictures and masks lie in tables of their own, so that lists of faces read without them.
constexpr const char* kTables = R"sql(
CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE frames (
  frame_index INTEGER PRIMARY KEY NOT NULL,
  seconds REAL, width INTEGER NOT NULL, height INTEGER NOT NULL,
  faces INTEGER NOT NULL,
  note TEXT NOT NULL
);
CREATE TABLE faces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  frame_index INTEGER NOT NULL, position INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state IN (0, 1)),
  type INTEGER NOT NULL, size INTEGER NOT NULL,
  frame_seconds REAL, source_name TEXT NOT NULL,
  box_x REAL, box_y REAL, box_width REAL, box_height REAL, box_score REAL,
  source_landmarks BLOB NOT NULL, landmarks BLOB NOT NULL, matrix BLOB NOT NULL,
  pitch REAL, yaw REAL, roll REAL,
  sharpness REAL, eyebrow_factor REAL,
  extra TEXT NOT NULL,
  loss_count INTEGER NOT NULL DEFAULT 0, loss_mean REAL NOT NULL DEFAULT 0
);
CREATE INDEX faces_by_frame ON faces (frame_index, position, id);
CREATE TABLE pictures (
  face_id INTEGER PRIMARY KEY NOT NULL,
  image BLOB NOT NULL
);
CREATE TABLE masks (
  face_id INTEGER PRIMARY KEY NOT NULL,
  png BLOB NOT NULL
);
CREATE TABLE edits (
  edit INTEGER NOT NULL,
  face_id INTEGER NOT NULL,
  old_state INTEGER,
  old_mask BLOB
);
CREATE INDEX edits_by_edit ON edits (edit);
)sql";

int64_t read_pragma(Database& db, const char* sql) {
  Statement statement(db, sql);
  return statement.step() ? statement.integer(0) : 0;
}

}  // namespace

void create_schema(Database& db) {
  Transaction transaction(db);
  db.run(kTables);
  db.run(str("PRAGMA application_id = ", kFacesetApplication).c_str());
  db.run(str("PRAGMA user_version = ", kFacesetVersion).c_str());
  transaction.commit();
}

void prepare_connection(Database& db) {
  const int64_t application = read_pragma(db, "PRAGMA application_id");
  if (application != kFacesetApplication) {
    throw InputError(db.path(), "it is not a faceset", "Choose a .faces file that diptych made");
  }
  const int64_t version = read_pragma(db, "PRAGMA user_version");
  if (version < 1 || version > kFacesetVersion) {
    throw InputError(
        db.path(),
        str("it has format version ", version, ", this program knows up to ", kFacesetVersion),
        "Update diptych; the file was not changed");
  }
  if (read_pragma(db,
                  "SELECT count(*) FROM sqlite_master WHERE name IN ('meta','frames','faces',"
                  "'pictures','masks','edits') AND type = 'table'") != 6) {
    throw InputError(db.path(), "the file is damaged: tables are missing",
                     "Put back a copy of it, or extract the faces again into a new file");
  }
  // A rollback journal, not a write-ahead log: the faceset stays one file that can be copied, lies
  // on any file system and opens read-only. FULL: a commit survives loss of power.
  if (!db.read_only()) db.run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL");
  db.run("PRAGMA cache_size = -16384");
}

}  // namespace diptych
