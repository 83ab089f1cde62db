// Choosing among the variants of an op: an ordered list, best first; the first that accepts runs.
// A variant is any struct with `const char* name` and `bool (*accepts)(...)`.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/check.h"

namespace diptych {

// Names forced for an op pass ("conv2d_forward") by a ForceVariant in scope, else by the
// environment variable DIPTYCH_<PASS IN UPPER CASE>, else "". Several, separated by commas, are
// tried in turn: "wgmma_128x128,mma_64x64,mma_thin" runs a whole network on tensor cores.
std::string forced_variant(std::string_view pass);

// Forces variants by name for the lifetime of the object, on the calling thread. For tests and
// benches.
class ForceVariant {
 public:
  ForceVariant(std::string pass, std::string names);
  ~ForceVariant();
  ForceVariant(const ForceVariant&) = delete;
  ForceVariant& operator=(const ForceVariant&) = delete;

 private:
  std::string pass_, previous_;
};

// The names in a list separated by commas.
std::vector<std::string_view> names_in(std::string_view list);

// The first of the variants named in `forced` that accepts. Throws when a name does not exist, and
// when none accepts, with what `why_not()` says of the problem.
template <class Variant, class Accepts, class WhyNot>
const Variant& pick_forced(std::string_view pass,
                           std::string_view forced,
                           std::span<const Variant> list,
                           const Accepts& accepts,
                           const WhyNot& why_not) {
  const Variant* chosen = nullptr;
  for (const std::string_view name : names_in(forced)) {
    std::string known;
    const Variant* named = nullptr;
    for (const Variant& v : list) {
      known += known.empty() ? v.name : std::string(", ") + v.name;
      if (name == v.name) named = &v;
    }
    DIPTYCH_CHECK(named, pass, ": no variant is named ", name, "; this build has ", known);
    if (!chosen && accepts(*named)) chosen = named;
  }
  DIPTYCH_CHECK(chosen, pass, ": variant ", forced, " was forced but does not accept ", why_not());
  return *chosen;
}

// The forced variant, or the first in the list that accepts the arguments. Throws with the reason
// otherwise.
template <class Variant, class... Args>
const Variant& pick(std::string_view pass, std::span<const Variant> list, const Args&... args) {
  const std::string forced = forced_variant(pass);
  if (!forced.empty()) {
    return pick_forced(
        pass, forced, list, [&](const Variant& v) { return v.accepts(args...); },
        [] { return "this problem"; });
  }
  for (const Variant& v : list) {
    if (v.accepts(args...)) return v;
  }
  throw Error(str(pass, ": no variant accepts this problem"));
}

}  // namespace diptych
