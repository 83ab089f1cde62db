// Choosing among the variants of an op: an ordered list, best first; the first that accepts runs.
// A variant is any struct with `const char* name` and `bool (*accepts)(...)`.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernels/common/check.h"

namespace diptych {

// Name forced for an op pass ("conv2d_forward") by a ForceVariant in scope, else by the environment
// variable DIPTYCH_<PASS IN UPPER CASE>, else "".
std::string forced_variant(std::string_view pass);

// Forces a variant by name for the lifetime of the object, on the calling thread. For tests and
// benches.
class ForceVariant {
 public:
  ForceVariant(std::string pass, std::string name);
  ~ForceVariant();
  ForceVariant(const ForceVariant&) = delete;
  ForceVariant& operator=(const ForceVariant&) = delete;

 private:
  std::string pass_, previous_;
};

// The forced variant, or the first in the list that accepts the arguments. Throws with the reason
// otherwise.
template <class Variant, class... Args>
const Variant& pick(std::string_view pass, std::span<const Variant> list, const Args&... args) {
  const std::string forced = forced_variant(pass);
  if (!forced.empty()) {
    std::string known;
    for (const Variant& v : list) {
      known += known.empty() ? v.name : std::string(", ") + v.name;
      if (forced != v.name) continue;
      DIPTYCH_CHECK(v.accepts(args...), pass, ": variant ", forced,
                    " was forced but does not accept this problem");
      return v;
    }
    throw Error(str(pass, ": no variant is named ", forced, "; this build has ", known));
  }
  for (const Variant& v : list) {
    if (v.accepts(args...)) return v;
  }
  throw Error(str(pass, ": no variant accepts this problem"));
}

}  // namespace diptych
