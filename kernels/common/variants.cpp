// The table of forced variants.
// SPDX-License-Identifier: MIT
#include "kernels/common/variants.h"

#include <cctype>
#include <cstdlib>
#include <map>

namespace diptych {

namespace {

std::map<std::string, std::string, std::less<>>& forced() {
  thread_local std::map<std::string, std::string, std::less<>> names;
  return names;
}

}  // namespace

std::string forced_variant(std::string_view pass) {
  if (const auto it = forced().find(pass); it != forced().end()) return it->second;
  std::string variable = "DIPTYCH_";
  for (char c : pass) variable += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const char* value = std::getenv(variable.c_str());
  return value ? value : "";
}

ForceVariant::ForceVariant(std::string pass, std::string names) : pass_(std::move(pass)) {
  std::string& slot = forced()[pass_];
  previous_ = slot;
  slot = std::move(names);
}

ForceVariant::~ForceVariant() {
  if (previous_.empty()) {
    forced().erase(pass_);
  } else {
    forced()[pass_] = previous_;
  }
}

std::vector<std::string_view> names_in(std::string_view list) {
  std::vector<std::string_view> names;
  for (;;) {
    const size_t comma = list.find(',');
    names.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return names;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace diptych
