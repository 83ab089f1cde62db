// The values of a flat buffer of an arena as one list a parameter.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "optim/arena_values.h"

namespace diptych {

using ArenaLists = std::vector<std::vector<float>>;

inline ArenaLists lists_of(const ParamArena& arena, const Tensor& flat) {
  const ArenaValues values(arena, flat);
  ArenaLists lists;
  for (size_t i = 0; i < values.size(); ++i) lists.push_back(values[i].to_host());
  return lists;
}

}  // namespace diptych
