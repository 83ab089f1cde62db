// Tables of a faceset file.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "faces/faceset/database.h"

namespace diptych {

inline constexpr int64_t kFacesetApplication = 0x44505446;  // "DPTF": SQLite's application_id
inline constexpr int64_t kFacesetVersion = 1;               // SQLite's user_version

// Makes the tables of the newest version in an empty database.
void create_schema(Database& db);
// Settings of the connection, then checks that this is a faceset of a version we know. InputError.
void prepare_connection(Database& db);

}  // namespace diptych
