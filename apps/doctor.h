// What diptych doctor finds out.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace diptych {

struct Finding {
  enum class Level { kGood, kNote, kBad };  // kBad: a part of the work cannot be done

  Level level;
  std::string what;    // "memory"
  std::string state;   // "11.2 GiB free of 15.6 GiB"
  std::string remedy;  // empty when kGood
};

// Looks at processor, memory, disk at `place`, libraries, model files and GPU.
std::vector<Finding> examine(const std::filesystem::path& place);

}  // namespace diptych
