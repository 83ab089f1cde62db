// Parsing and printing of face ids.
// SPDX-License-Identifier: MIT
#include "apps/exchange/face_ids.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "kernels/common/check.h"

namespace diptych {

namespace {

bool read_id(std::string_view text, int64_t& id) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc() && end == text.data() + text.size() && id >= 0;
}

void add_part(std::string_view part,
              const std::vector<int64_t>& known,
              const std::string& origin,
              std::set<int64_t>& ids) {
  const size_t dash = part.find('-');
  int64_t first = 0, last = 0;
  const bool range = dash != std::string_view::npos;
  const bool readable = read_id(part.substr(0, dash), first) &&
                        (!range || read_id(part.substr(dash + 1), last)) &&
                        (!range || first <= last);
  if (!readable) {
    throw InputError(origin, "'" + std::string(part) + "' is not a face id",
                     "Write ids and ranges, for example 12 15-20");
  }
  const auto begin = std::lower_bound(known.begin(), known.end(), first);
  const auto end = std::upper_bound(known.begin(), known.end(), range ? last : first);
  if (begin == end) {
    throw InputError(origin, "there is no face " + std::string(part),
                     "See diptych faces list for the ids");
  }
  ids.insert(begin, end);
}

}  // namespace

std::vector<int64_t> parse_face_ids(const std::vector<std::string>& words,
                                    const std::vector<int64_t>& known,
                                    const std::string& origin) {
  std::set<int64_t> ids;
  for (const std::string_view word : words) {
    for (size_t begin = 0; begin <= word.size();) {
      const size_t comma = std::min(word.find(',', begin), word.size());
      if (comma > begin) add_part(word.substr(begin, comma - begin), known, origin, ids);
      begin = comma + 1;
    }
  }
  return {ids.begin(), ids.end()};
}

std::string format_face_ids(std::vector<int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  std::string text;
  for (size_t i = 0; i < ids.size();) {
    size_t j = i;
    while (j + 1 < ids.size() && ids[j + 1] == ids[j] + 1) ++j;
    text += str(text.empty() ? "" : ", ", ids[i]);
    if (j > i) text += str(j == i + 1 ? ", " : "-", ids[j]);
    i = j + 1;
  }
  return text;
}

}  // namespace diptych
