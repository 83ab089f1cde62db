// SQLite with exceptions.
// SPDX-License-Identifier: MIT
#include "faces/faceset/database.h"

#include <sqlite3.h>

#include "kernels/common/check.h"
#include "kernels/common/log.h"

namespace diptych {
namespace {

constexpr int kPatienceMs = 10000;

struct Advice {
  std::string cause, remedy;
};

Advice advice_for(int code, const std::string& message) {
  if (code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY) {
    return {"the last program that wrote to it was interrupted, and it was opened read-only",
            "Open it once with the right to write: that takes back the half-written part"};
  }
  switch (code & 0xFF) {
    case SQLITE_NOTADB:
      return {"it is not a faceset", "Choose a .faces file that diptych made"};
    case SQLITE_CORRUPT:
      return {str("the file is damaged (", message, ")"),
              "Put back a copy of it, or extract the faces again into a new file"};
    case SQLITE_FULL:
      return {"the disk is full", "Free some space and run again; what was stored before is safe"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {"the file or its folder is write-protected",
              "Give yourself the right to write there, or work on a copy"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {"another program is using the file", "Wait until it is done, then run again"};
    case SQLITE_CANTOPEN:
      return {"the file cannot be opened", "Check the path and the rights of its folder"};
    case SQLITE_TOOBIG:
      return {"a picture is too large to store", "Choose a smaller picture size"};
    case SQLITE_IOERR:
      return {str("reading or writing failed (", message, ")"),
              "Check the disk, then run again; what was stored before is safe"};
    default:
      return {message, "Run again; if it stays, put back a copy of the file"};
  }
}

}  // namespace

Database::Database(const std::string& path, bool read_only) : path_(path) {
  const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags, nullptr);
  if (code != SQLITE_OK) {
    const Advice advice = advice_for(code, db_ ? sqlite3_errmsg(db_) : "out of memory");
    sqlite3_close(db_);
    throw InputError(path, advice.cause, advice.remedy);
  }
  sqlite3_busy_timeout(db_, kPatienceMs);
}

Database::~Database() {
  if (sqlite3_close(db_) != SQLITE_OK) {
    log(LogLevel::kWarning, str(path_, ": closed while a statement was still open"));
  }
}

void Database::run(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, sql);
}

int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(db_);
}

int64_t Database::changes() const {
  return sqlite3_changes(db_);
}

bool Database::read_only() const {
  return sqlite3_db_readonly(db_, "main") == 1;
}

void Database::fail(int code, const std::string& doing) const {
  const int kind = code & 0xFF;
  DIPTYCH_CHECK(kind != SQLITE_ERROR && kind != SQLITE_MISUSE && kind != SQLITE_RANGE, "faceset ",
                path_, ": ", sqlite3_errmsg(db_), " in: ", doing);
  const Advice advice = advice_for(code, sqlite3_errmsg(db_));
  throw InputError(path_, advice.cause, advice.remedy);
}

Statement::Statement(Database& db, const char* sql) : db_(db) {
  const int code = sqlite3_prepare_v2(db.db_, sql, -1, &statement_, nullptr);
  if (code != SQLITE_OK) db.fail(code, sql);
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int64_t value) {
  sqlite3_bind_int64(statement_, ++bound_, value);
  return *this;
}

Statement& Statement::bind(double value) {
  sqlite3_bind_double(statement_, ++bound_, value);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  sqlite3_bind_text64(statement_, ++bound_, text.data() ? text.data() : "", text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(std::span<const uint8_t> bytes) {
  static constexpr uint8_t kNone = 0;  // a null pointer would bind NULL
  sqlite3_bind_blob64(statement_, ++bound_, bytes.empty() ? &kNone : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const char* sql = sqlite3_sql(statement_);
  db_.fail(code, sql ? sql : "");
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bound_ = 0;
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data ? std::string(data, static_cast<size_t>(size)) : std::string();
}

std::vector<uint8_t> Statement::bytes(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data ? std::vector<uint8_t>(data, data + size) : std::vector<uint8_t>();
}

Transaction::Transaction(Database& db) : db_(db) {
  db_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    db_.run("ROLLBACK");
  } catch (const Error&) {
    // SQLite has rolled back by itself after a full disk or a read error.
  }
}

void Transaction::commit() {
  db_.run("COMMIT");
  open_ = false;
}

}  // namespace diptych
