// Launches written down instead of run.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/recording.h"

#include <utility>

#include "kernels/common/simt/launch_hooks.h"

namespace diptych::simt {

namespace {

thread_local LaunchList* current_list = nullptr;

}  // namespace

void record_to(LaunchList* list) {
  current_list = list;
}

bool recording() {
  return current_list != nullptr;
}

void run_or_record(std::function<void()> work) {
  if (current_list) {
    current_list->push_back(std::move(work));
  } else {
    work();
  }
}

void around_launches(void (*before)(), void (*after)()) {
  launch_hooks() = {before, after};
}

LaunchHooks& launch_hooks() {
  static LaunchHooks hooks;
  return hooks;
}

}  // namespace diptych::simt
