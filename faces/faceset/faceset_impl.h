// What a Faceset owns.
// SPDX-License-Identifier: MIT
#pragma once

#include <mutex>
#include <string>

#include "faces/faceset/database.h"
#include "faces/faceset/faceset.h"

namespace diptych {

struct Faceset::Impl {
  Impl(const std::string& path, bool read_only) : db(path, read_only) {}

  Database db;
  std::mutex mutex;  // SQLite's "last id" and our transactions belong to one caller at a time
};

}  // namespace diptych
