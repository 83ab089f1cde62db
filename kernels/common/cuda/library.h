// Library: a shared library of NVIDIA's that is loaded when it is first needed, so that a program
// built with it starts on machines that do not have it.
// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>

namespace diptych {

class Library {
 public:
  // The first of the names that the loader finds; `override_variable` may name a file instead.
  // Throws Error that says what was tried, what the loader answered, and the remedy.
  Library(const char* engine,
          const char* override_variable,
          std::initializer_list<const char*> names,
          const char* remedy);

  // A function by its name and type. Throws Error naming the function when the library lacks it.
  template <class Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(find(name));
  }

 private:
  void* find(const char* name) const;

  void* handle_ = nullptr;  // kept until the process ends: the library has threads and state
  const char* engine_;
};

}  // namespace diptych
