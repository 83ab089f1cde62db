// What a file of ours, or a video, says of itself: the substance of diptych info and verify.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace diptych {

enum class FileKind { kProject, kFaceset, kCheckpoint, kMedia };

// By content, not by name. Throws InputError: missing, empty, a folder that is neither project nor
// pictures.
FileKind kind_of(const std::filesystem::path& file);

// Facts in the order to print them. Throws InputError when the file is damaged.
nlohmann::ordered_json inspect(const std::filesystem::path& file);

// The facts as indented lines "key: value".
std::string facts_as_text(const nlohmann::ordered_json& facts);

}  // namespace diptych
