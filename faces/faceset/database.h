// SQLite with exceptions: a connection, prepared statements, transactions.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace diptych {

// Failures become InputError with a cause and a remedy for this file: damaged, full disk,
// write-protected, locked by another program, not a database.
class Database {
 public:
  // The file must exist. Waits up to ten seconds for another program's transaction to end.
  Database(const std::string& path, bool read_only);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  void run(const char* sql);  // one or more statements without results
  int64_t last_id() const;
  int64_t changes() const;  // rows that the last statement changed
  bool read_only() const;

  const std::string& path() const { return path_; }

  [[noreturn]] void fail(int code, const std::string& doing) const;

 private:
  friend class Statement;
  std::string path_;
  sqlite3* db_ = nullptr;
};

class Statement {
 public:
  Statement(Database& db, const char* sql);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Binds in order, from the first parameter; the texts and bytes must live until step() is over.
  Statement& bind(int64_t value);
  Statement& bind(double value);  // NaN is stored as NULL
  Statement& bind(std::string_view text);
  Statement& bind(std::span<const uint8_t> bytes);
  // Next row; false at the end.
  bool step();
  // For statements without results; afterwards the next bind() starts over.
  void run();
  void reset();

  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::vector<uint8_t> bytes(int column) const;

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// Rolls back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Database& db);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& db_;
  bool open_ = true;
};

}  // namespace diptych
