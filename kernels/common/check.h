// Errors: diptych::Error, the InputError users see, and DIPTYCH_CHECK.
// SPDX-License-Identifier: MIT
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace diptych {

// Every failure inside the project. The message names the operation, both values and all shapes.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A failure caused by what the user gave us. Prints as "FILE: CAUSE. REMEDY".
class InputError : public Error {
 public:
  InputError(const std::string& file, const std::string& cause, const std::string& remedy)
      : Error(file + ": " + cause + ". " + remedy) {}
};

// Joins its arguments through operator<<.
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace diptych

// Throws Error built from the parts, which are evaluated only when the condition is false.
#define DIPTYCH_CHECK(condition, ...)                                      \
  do {                                                                     \
    if (!(condition)) throw ::diptych::Error(::diptych::str(__VA_ARGS__)); \
  } while (false)
