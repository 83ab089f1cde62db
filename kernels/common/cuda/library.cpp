// Loading of shared libraries.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/library.h"

#include <cstdlib>
#include <string>

#include <dlfcn.h>

#include "kernels/common/check.h"

namespace diptych {

Library::Library(const char* engine,
                 const char* override_variable,
                 std::initializer_list<const char*> names,
                 const char* remedy)
    : engine_(engine) {
  std::string trouble;
  const auto open = [&](const char* name) {
    handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle_) return true;
    const char* const said = dlerror();
    trouble += str(trouble.empty() ? "" : "; ", said ? said : name);
    return false;
  };
  if (const char* const file = std::getenv(override_variable); file && *file) {
    if (open(file)) return;
    throw Error(
        str(engine, ": ", override_variable, " names a library that cannot be loaded: ", trouble));
  }
  for (const char* const name : names)
    if (open(name)) return;
  throw Error(str(engine, ": a library is missing: ", trouble, ". ", remedy));
}

void* Library::find(const char* name) const {
  void* const found = dlsym(handle_, name);
  DIPTYCH_CHECK(found, engine_, ": the library has no function ", name,
                "; it is older than the one this program was built for");
  return found;
}

}  // namespace diptych
