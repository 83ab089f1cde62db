// Lists of face ids as users type them: "12 15-20 3,4".
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diptych {

// Ascending, without repetition. A range takes the ids that are in `known`; a single id must be.
// known: ascending. Throws InputError naming `origin` for text that is no list and ids that do not
// exist.
std::vector<int64_t> parse_face_ids(const std::vector<std::string>& words,
                                    const std::vector<int64_t>& known,
                                    const std::string& origin);

// "3-5, 9, 12-13": consecutive ids joined.
std::string format_face_ids(std::vector<int64_t> ids);

}  // namespace diptych
