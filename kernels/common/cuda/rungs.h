// Choosing among the rungs of an op on the device. A rung is any struct with `name`, `accepts(args,
// chip)` (can compute it) and `suits(args)` (is worth choosing for it); args have a `problem`.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include "kernels/common/variants.h"

namespace diptych {

// The first rung that accepts and suits, or that is forced and accepts (variants.h). chip: compute
// capability times ten.
template <class Rung, class Args>
const Rung& pick_rung(const char* pass, std::span<const Rung> rungs, const Args& args, int chip) {
  constexpr int kHopper = 90;
  if (const std::string forced = forced_variant(pass); !forced.empty()) {
    return pick_forced(
        pass, forced, rungs, [&](const Rung& r) { return r.accepts(args, chip); },
        [&] {
          const std::string problem = str(args.problem, " on sm_", chip);
          for (const std::string_view name : names_in(forced))
            for (const Rung& r : rungs)
              if (name == r.name && r.accepts(args, kHopper))
                return str(problem, "; ", name, " needs sm_", kHopper, "a");
          return problem;
        });
  }
  for (const Rung& rung : rungs)
    if (rung.accepts(args, chip) && rung.suits(args)) return rung;
  throw Error(str(pass, ": too large for the GPU's kernels; ", args.problem));
}

}  // namespace diptych
